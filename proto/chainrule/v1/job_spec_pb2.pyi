from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class JobSpec(_message.Message):
    __slots__ = ("name", "data", "network", "optimizer", "training", "cluster")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    NETWORK_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    CLUSTER_FIELD_NUMBER: _ClassVar[int]
    name: str
    data: DataSpec
    network: NetworkSpec
    optimizer: OptimizerSpec
    training: TrainingSpec
    cluster: ClusterSpec
    def __init__(self, name: _Optional[str] = ..., data: _Optional[_Union[DataSpec, _Mapping]] = ..., network: _Optional[_Union[NetworkSpec, _Mapping]] = ..., optimizer: _Optional[_Union[OptimizerSpec, _Mapping]] = ..., training: _Optional[_Union[TrainingSpec, _Mapping]] = ..., cluster: _Optional[_Union[ClusterSpec, _Mapping]] = ...) -> None: ...

class DataSpec(_message.Message):
    __slots__ = ("train", "label", "validation_fraction", "scaling")
    TRAIN_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FRACTION_FIELD_NUMBER: _ClassVar[int]
    SCALING_FIELD_NUMBER: _ClassVar[int]
    train: str
    label: str
    validation_fraction: float
    scaling: str
    def __init__(self, train: _Optional[str] = ..., label: _Optional[str] = ..., validation_fraction: _Optional[float] = ..., scaling: _Optional[str] = ...) -> None: ...

class NetworkSpec(_message.Message):
    __slots__ = ("loss", "layers", "label_smoothing", "delta", "quantile")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    LABEL_SMOOTHING_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    QUANTILE_FIELD_NUMBER: _ClassVar[int]
    loss: str
    layers: _containers.RepeatedCompositeFieldContainer[LayerSpec]
    label_smoothing: float
    delta: float
    quantile: float
    def __init__(self, loss: _Optional[str] = ..., layers: _Optional[_Iterable[_Union[LayerSpec, _Mapping]]] = ..., label_smoothing: _Optional[float] = ..., delta: _Optional[float] = ..., quantile: _Optional[float] = ...) -> None: ...

class LayerSpec(_message.Message):
    __slots__ = ("units", "activation", "initializer")
    UNITS_FIELD_NUMBER: _ClassVar[int]
    ACTIVATION_FIELD_NUMBER: _ClassVar[int]
    INITIALIZER_FIELD_NUMBER: _ClassVar[int]
    units: int
    activation: str
    initializer: str
    def __init__(self, units: _Optional[int] = ..., activation: _Optional[str] = ..., initializer: _Optional[str] = ...) -> None: ...

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
    __slots__ = ("epochs", "batch_size", "shards", "seed", "checkpoint_seconds")
    EPOCHS_FIELD_NUMBER: _ClassVar[int]
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    SHARDS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    epochs: int
    batch_size: int
    shards: int
    seed: int
    checkpoint_seconds: float
    def __init__(self, epochs: _Optional[int] = ..., batch_size: _Optional[int] = ..., shards: _Optional[int] = ..., seed: _Optional[int] = ..., checkpoint_seconds: _Optional[float] = ...) -> None: ...

class ClusterSpec(_message.Message):
    __slots__ = ("min_workers", "max_workers")
    MIN_WORKERS_FIELD_NUMBER: _ClassVar[int]
    MAX_WORKERS_FIELD_NUMBER: _ClassVar[int]
    min_workers: int
    max_workers: int
    def __init__(self, min_workers: _Optional[int] = ..., max_workers: _Optional[int] = ...) -> None: ...
