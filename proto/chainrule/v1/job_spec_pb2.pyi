from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobSpec(_message.Message):
    __slots__ = ("name", "data", "network", "optimizer", "training", "cluster", "regularization", "clipping", "schedule", "early_stopping")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    REGULARIZATION_FIELD_NUMBER: _ClassVar[int]
    CLIPPING_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_FIELD_NUMBER: _ClassVar[int]
    EARLY_STOPPING_FIELD_NUMBER: _ClassVar[int]
    name: str
    data: DataSpec
    network: NetworkSpec
    optimizer: OptimizerSpec
    training: TrainingSpec
    cluster: ClusterSpec
    regularization: RegularizationSpec
    clipping: ClippingSpec
    schedule: ScheduleSpec
    early_stopping: EarlyStoppingSpec
    def __init__(self, name: _Optional[str] = ..., data: _Optional[_Union[DataSpec, _Mapping]] = ..., network: _Optional[_Union[NetworkSpec, _Mapping]] = ..., optimizer: _Optional[_Union[OptimizerSpec, _Mapping]] = ..., training: _Optional[_Union[TrainingSpec, _Mapping]] = ..., cluster: _Optional[_Union[ClusterSpec, _Mapping]] = ..., regularization: _Optional[_Union[RegularizationSpec, _Mapping]] = ..., clipping: _Optional[_Union[ClippingSpec, _Mapping]] = ..., schedule: _Optional[_Union[ScheduleSpec, _Mapping]] = ..., early_stopping: _Optional[_Union[EarlyStoppingSpec, _Mapping]] = ...) -> None: ...

class DataSpec(_message.Message):
    __slots__ = ("train", "label", "validation_fraction", "scaling", "labels", "validation", "stratify", "format", "delimiter", "header", "unpack_limit", "columns", "ignore", "kinds", "missing", "most_categories", "hash_buckets", "target_scaling", "class_weights", "weight", "encoding", "decimal", "thousands", "missing_values", "date_format", "missing_label")
    class KindsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRAIN_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FRACTION_FIELD_NUMBER: _ClassVar[int]
    SCALING_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    STRATIFY_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    DELIMITER_FIELD_NUMBER: _ClassVar[int]
    HEADER_FIELD_NUMBER: _ClassVar[int]
    UNPACK_LIMIT_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    IGNORE_FIELD_NUMBER: _ClassVar[int]
    KINDS_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    MOST_CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    HASH_BUCKETS_FIELD_NUMBER: _ClassVar[int]
    TARGET_SCALING_FIELD_NUMBER: _ClassVar[int]
    CLASS_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    DECIMAL_FIELD_NUMBER: _ClassVar[int]
    THOUSANDS_FIELD_NUMBER: _ClassVar[int]
    MISSING_VALUES_FIELD_NUMBER: _ClassVar[int]
    DATE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    MISSING_LABEL_FIELD_NUMBER: _ClassVar[int]
    train: str
    label: str
    validation_fraction: float
    scaling: str
    labels: _containers.RepeatedScalarFieldContainer[str]
    validation: str
    stratify: bool
    format: str
    delimiter: str
    header: bool
    unpack_limit: int
    columns: _containers.RepeatedScalarFieldContainer[str]
    ignore: _containers.RepeatedScalarFieldContainer[str]
    kinds: _containers.ScalarMap[str, str]
    missing: str
    most_categories: int
    hash_buckets: int
    target_scaling: str
    class_weights: _struct_pb2.Value
    weight: str
    encoding: str
    decimal: str
    thousands: str
    missing_values: _containers.RepeatedScalarFieldContainer[str]
    date_format: str
    missing_label: str
    def __init__(self, train: _Optional[str] = ..., label: _Optional[str] = ..., validation_fraction: _Optional[float] = ..., scaling: _Optional[str] = ..., labels: _Optional[_Iterable[str]] = ..., validation: _Optional[str] = ..., stratify: bool = ..., format: _Optional[str] = ..., delimiter: _Optional[str] = ..., header: bool = ..., unpack_limit: _Optional[int] = ..., columns: _Optional[_Iterable[str]] = ..., ignore: _Optional[_Iterable[str]] = ..., kinds: _Optional[_Mapping[str, str]] = ..., missing: _Optional[str] = ..., most_categories: _Optional[int] = ..., hash_buckets: _Optional[int] = ..., target_scaling: _Optional[str] = ..., class_weights: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., weight: _Optional[str] = ..., encoding: _Optional[str] = ..., decimal: _Optional[str] = ..., thousands: _Optional[str] = ..., missing_values: _Optional[_Iterable[str]] = ..., date_format: _Optional[str] = ..., missing_label: _Optional[str] = ...) -> None: ...

class NetworkSpec(_message.Message):
    __slots__ = ("loss", "layers", "label_smoothing", "delta", "quantile", "input_dropout")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_FIELD_NUMBER: _ClassVar[int]
    INPUT_DROPOUT_FIELD_NUMBER: _ClassVar[int]
    loss: str
    layers: _containers.RepeatedCompositeFieldContainer[LayerSpec]
    label_smoothing: float
    delta: float
    quantile: float
    input_dropout: float
    def __init__(self, loss: _Optional[str] = ..., layers: _Optional[_Iterable[_Union[LayerSpec, _Mapping]]] = ..., label_smoothing: _Optional[float] = ..., delta: _Optional[float] = ..., quantile: _Optional[float] = ..., input_dropout: _Optional[float] = ...) -> None: ...

class LayerSpec(_message.Message):
    __slots__ = ("units", "activation", "initializer", "dropout")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    DROPOUT_FIELD_NUMBER: _ClassVar[int]
    units: int
    activation: str
    initializer: str
    dropout: float
    def __init__(self, units: _Optional[int] = ..., activation: _Optional[str] = ..., initializer: _Optional[str] = ..., dropout: _Optional[float] = ...) -> None: ...

class OptimizerSpec(_message.Message):
    __slots__ = ("name", "learning_rate", "momentum", "beta1", "beta2", "epsilon", "rho", "weight_decay")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_FIELD_NUMBER: _ClassVar[int]
    MOMENTUM_FIELD_NUMBER: _ClassVar[int]
    BETA1_FIELD_NUMBER: _ClassVar[int]
    BETA2_FIELD_NUMBER: _ClassVar[int]
    EPSILON_FIELD_NUMBER: _ClassVar[int]
    RHO_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_DECAY_FIELD_NUMBER: _ClassVar[int]
    name: str
    learning_rate: float
    momentum: float
    beta1: float
    beta2: float
    epsilon: float
    rho: float
    weight_decay: float
    def __init__(self, name: _Optional[str] = ..., learning_rate: _Optional[float] = ..., momentum: _Optional[float] = ..., beta1: _Optional[float] = ..., beta2: _Optional[float] = ..., epsilon: _Optional[float] = ..., rho: _Optional[float] = ..., weight_decay: _Optional[float] = ...) -> None: ...

class TrainingSpec(_message.Message):
    __slots__ = ("epochs", "batch_size", "shards", "seed", "checkpoint_seconds", "hash_every", "wire")
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HASH_EVERY_FIELD_NUMBER: _ClassVar[int]
    WIRE_FIELD_NUMBER: _ClassVar[int]
    epochs: int
    batch_size: int
    shards: int
    seed: int
    checkpoint_seconds: float
    hash_every: int
    wire: str
    def __init__(self, epochs: _Optional[int] = ..., batch_size: _Optional[int] = ..., shards: _Optional[int] = ..., seed: _Optional[int] = ..., checkpoint_seconds: _Optional[float] = ..., hash_every: _Optional[int] = ..., wire: _Optional[str] = ...) -> None: ...

class ClusterSpec(_message.Message):
    __slots__ = ("min_workers", "max_workers", "shared_memory")
    MIN_WORKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_WORKERS_FIELD_NUMBER: _ClassVar[int]
    SHARED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    min_workers: int
    max_workers: int
    shared_memory: bool
    def __init__(self, min_workers: _Optional[int] = ..., max_workers: _Optional[int] = ..., shared_memory: bool = ...) -> None: ...

class RegularizationSpec(_message.Message):
    __slots__ = ("l1", "l2", "max_norm")
    L1_FIELD_NUMBER: _ClassVar[int]
    L2_FIELD_NUMBER: _ClassVar[int]
    MAX_NORM_FIELD_NUMBER: _ClassVar[int]
    l1: float
    l2: float
    max_norm: float
    def __init__(self, l1: _Optional[float] = ..., l2: _Optional[float] = ..., max_norm: _Optional[float] = ...) -> None: ...

class ClippingSpec(_message.Message):
    __slots__ = ("value", "layer_norm", "global_norm")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LAYER_NORM_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_NORM_FIELD_NUMBER: _ClassVar[int]
    value: float
    layer_norm: float
    global_norm: float
    def __init__(self, value: _Optional[float] = ..., layer_norm: _Optional[float] = ..., global_norm: _Optional[float] = ...) -> None: ...

class ScheduleSpec(_message.Message):
    __slots__ = ("name", "warm_up", "steps", "every", "gamma", "low", "peak", "start", "end", "patience", "min_delta")
    NAME_FIELD_NUMBER: _ClassVar[int]
    WARM_UP_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EVERY_FIELD_NUMBER: _ClassVar[int]
    GAMMA_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    PEAK_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_DELTA_FIELD_NUMBER: _ClassVar[int]
    name: str
    warm_up: int
    steps: int
    every: int
    gamma: float
    low: float
    peak: float
    start: float
    end: float
    patience: int
    min_delta: float
    def __init__(self, name: _Optional[str] = ..., warm_up: _Optional[int] = ..., steps: _Optional[int] = ..., every: _Optional[int] = ..., gamma: _Optional[float] = ..., low: _Optional[float] = ..., peak: _Optional[float] = ..., start: _Optional[float] = ..., end: _Optional[float] = ..., patience: _Optional[int] = ..., min_delta: _Optional[float] = ...) -> None: ...

class EarlyStoppingSpec(_message.Message):
    __slots__ = ("metric", "patience", "min_delta", "patience_steps")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_DELTA_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_STEPS_FIELD_NUMBER: _ClassVar[int]
    metric: str
    patience: int
    min_delta: float
    patience_steps: int
    def __init__(self, metric: _Optional[str] = ..., patience: _Optional[int] = ..., min_delta: _Optional[float] = ..., patience_steps: _Optional[int] = ...) -> None: ...
