from chainrule.v1 import job_spec_pb2 as _job_spec_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OUTCOME_UNSPECIFIED: _ClassVar[Outcome]
    OUTCOME_APPLIED: _ClassVar[Outcome]
    OUTCOME_DUPLICATE: _ClassVar[Outcome]
    OUTCOME_STALE: _ClassVar[Outcome]
    OUTCOME_FENCED: _ClassVar[Outcome]
    OUTCOME_NONFINITE: _ClassVar[Outcome]
    OUTCOME_DIVERGED: _ClassVar[Outcome]
OUTCOME_UNSPECIFIED: Outcome
OUTCOME_APPLIED: Outcome
OUTCOME_DUPLICATE: Outcome
OUTCOME_STALE: Outcome
OUTCOME_FENCED: Outcome
OUTCOME_NONFINITE: Outcome
OUTCOME_DIVERGED: Outcome

class Machine(_message.Message):
    __slots__ = ("host", "cpu", "numpy", "blas")
    HOST_FIELD_NUMBER: _ClassVar[int]
    CPU_FIELD_NUMBER: _ClassVar[int]
    NUMPY_FIELD_NUMBER: _ClassVar[int]
    BLAS_FIELD_NUMBER: _ClassVar[int]
    host: str
    cpu: str
    numpy: str
    blas: str
    def __init__(self, host: _Optional[str] = ..., cpu: _Optional[str] = ..., numpy: _Optional[str] = ..., blas: _Optional[str] = ...) -> None: ...

class JoinRequest(_message.Message):
    __slots__ = ("job_id", "worker", "machine")
    JOB_ID_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    MACHINE_FIELD_NUMBER: _ClassVar[int]
    job_id: str
    worker: str
    machine: Machine
    def __init__(self, job_id: _Optional[str] = ..., worker: _Optional[str] = ..., machine: _Optional[_Union[Machine, _Mapping]] = ...) -> None: ...

class JoinResponse(_message.Message):
    __slots__ = ("generation", "incarnation", "heartbeat_seconds", "spec", "layer_sizes", "steps_per_epoch", "local", "direct", "steps")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SPEC_FIELD_NUMBER: _ClassVar[int]
    LAYER_SIZES_FIELD_NUMBER: _ClassVar[int]
    STEPS_PER_EPOCH_FIELD_NUMBER: _ClassVar[int]
    LOCAL_FIELD_NUMBER: _ClassVar[int]
    DIRECT_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    generation: int
    incarnation: int
    heartbeat_seconds: float
    spec: _job_spec_pb2.JobSpec
    layer_sizes: _containers.RepeatedScalarFieldContainer[int]
    steps_per_epoch: int
    local: Local
    direct: Direct
    steps: int
    def __init__(self, generation: _Optional[int] = ..., incarnation: _Optional[int] = ..., heartbeat_seconds: _Optional[float] = ..., spec: _Optional[_Union[_job_spec_pb2.JobSpec, _Mapping]] = ..., layer_sizes: _Optional[_Iterable[int]] = ..., steps_per_epoch: _Optional[int] = ..., local: _Optional[_Union[Local, _Mapping]] = ..., direct: _Optional[_Union[Direct, _Mapping]] = ..., steps: _Optional[int] = ...) -> None: ...

class Local(_message.Message):
    __slots__ = ("name", "secret")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    name: str
    secret: bytes
    def __init__(self, name: _Optional[str] = ..., secret: _Optional[bytes] = ...) -> None: ...

class Direct(_message.Message):
    __slots__ = ("port", "secret")
    PORT_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    port: int
    secret: bytes
    def __init__(self, port: _Optional[int] = ..., secret: _Optional[bytes] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ("generation", "incarnation", "layers")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    generation: int
    incarnation: int
    layers: _containers.RepeatedCompositeFieldContainer[LayerActivity]
    def __init__(self, generation: _Optional[int] = ..., incarnation: _Optional[int] = ..., layers: _Optional[_Iterable[_Union[LayerActivity, _Mapping]]] = ...) -> None: ...

class LayerActivity(_message.Message):
    __slots__ = ("layer", "dead_ratio", "saturation")
    LAYER_FIELD_NUMBER: _ClassVar[int]
    DEAD_RATIO_FIELD_NUMBER: _ClassVar[int]
    SATURATION_FIELD_NUMBER: _ClassVar[int]
    layer: int
    dead_ratio: float
    saturation: float
    def __init__(self, layer: _Optional[int] = ..., dead_ratio: _Optional[float] = ..., saturation: _Optional[float] = ...) -> None: ...

class HeartbeatResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Node(_message.Message):
    __slots__ = ("lo", "hi")
    LO_FIELD_NUMBER: _ClassVar[int]
    HI_FIELD_NUMBER: _ClassVar[int]
    lo: int
    hi: int
    def __init__(self, lo: _Optional[int] = ..., hi: _Optional[int] = ...) -> None: ...

class Work(_message.Message):
    __slots__ = ("version", "nodes", "train", "evaluate", "stretch")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    TRAIN_FIELD_NUMBER: _ClassVar[int]
    EVALUATE_FIELD_NUMBER: _ClassVar[int]
    STRETCH_FIELD_NUMBER: _ClassVar[int]
    version: int
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    train: bool
    evaluate: bool
    stretch: Stretch
    def __init__(self, version: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., train: bool = ..., evaluate: bool = ..., stretch: _Optional[_Union[Stretch, _Mapping]] = ...) -> None: ...

class Stretch(_message.Message):
    __slots__ = ("number", "until", "nodes", "workers", "seat", "factor")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    SEAT_FIELD_NUMBER: _ClassVar[int]
    FACTOR_FIELD_NUMBER: _ClassVar[int]
    number: int
    until: int
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    workers: int
    seat: int
    factor: float
    def __init__(self, number: _Optional[int] = ..., until: _Optional[int] = ..., nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., workers: _Optional[int] = ..., seat: _Optional[int] = ..., factor: _Optional[float] = ...) -> None: ...

class WeightsChunk(_message.Message):
    __slots__ = ("version", "offset", "data")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    version: int
    offset: int
    data: bytes
    def __init__(self, version: _Optional[int] = ..., offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Partial(_message.Message):
    __slots__ = ("version", "node", "gradient_bytes", "training", "validation", "compute_seconds", "serialise_seconds", "slot", "modest", "digest")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FIELD_NUMBER: _ClassVar[int]
    VALIDATION_FIELD_NUMBER: _ClassVar[int]
    COMPUTE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SERIALISE_SECONDS_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    MODEST_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    version: int
    node: Node
    gradient_bytes: int
    training: Sums
    validation: Sums
    compute_seconds: float
    serialise_seconds: float
    slot: int
    modest: bool
    digest: bytes
    def __init__(self, version: _Optional[int] = ..., node: _Optional[_Union[Node, _Mapping]] = ..., gradient_bytes: _Optional[int] = ..., training: _Optional[_Union[Sums, _Mapping]] = ..., validation: _Optional[_Union[Sums, _Mapping]] = ..., compute_seconds: _Optional[float] = ..., serialise_seconds: _Optional[float] = ..., slot: _Optional[int] = ..., modest: bool = ..., digest: _Optional[bytes] = ...) -> None: ...

class Stretched(_message.Message):
    __slots__ = ("number", "nodes", "numbers", "digests", "layers")
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    NODES_FIELD_NUMBER: _ClassVar[int]
    NUMBERS_FIELD_NUMBER: _ClassVar[int]
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    number: int
    nodes: int
    numbers: bytes
    digests: bytes
    layers: bytes
    def __init__(self, number: _Optional[int] = ..., nodes: _Optional[int] = ..., numbers: _Optional[bytes] = ..., digests: _Optional[bytes] = ..., layers: _Optional[bytes] = ...) -> None: ...

class Sums(_message.Message):
    __slots__ = ("loss", "weight", "right", "figures")
    LOSS_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    RIGHT_FIELD_NUMBER: _ClassVar[int]
    FIGURES_FIELD_NUMBER: _ClassVar[int]
    loss: float
    weight: float
    right: float
    figures: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, loss: _Optional[float] = ..., weight: _Optional[float] = ..., right: _Optional[float] = ..., figures: _Optional[_Iterable[float]] = ...) -> None: ...

class GradientChunk(_message.Message):
    __slots__ = ("offset", "data")
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    offset: int
    data: bytes
    def __init__(self, offset: _Optional[int] = ..., data: _Optional[bytes] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("generation", "incarnation", "secret")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    SECRET_FIELD_NUMBER: _ClassVar[int]
    generation: int
    incarnation: int
    secret: bytes
    def __init__(self, generation: _Optional[int] = ..., incarnation: _Optional[int] = ..., secret: _Optional[bytes] = ...) -> None: ...

class WorkerMessage(_message.Message):
    __slots__ = ("hello", "partial", "chunk", "stretched")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    PARTIAL_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    STRETCHED_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    partial: Partial
    chunk: GradientChunk
    stretched: Stretched
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., partial: _Optional[_Union[Partial, _Mapping]] = ..., chunk: _Optional[_Union[GradientChunk, _Mapping]] = ..., stretched: _Optional[_Union[Stretched, _Mapping]] = ...) -> None: ...

class PushResult(_message.Message):
    __slots__ = ("version", "node", "outcome")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NODE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    version: int
    node: Node
    outcome: Outcome
    def __init__(self, version: _Optional[int] = ..., node: _Optional[_Union[Node, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, str]] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class ServerMessage(_message.Message):
    __slots__ = ("weights", "work", "result", "stop", "failure")
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    WORK_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    weights: WeightsChunk
    work: Work
    result: PushResult
    stop: Stop
    failure: bytes
    def __init__(self, weights: _Optional[_Union[WeightsChunk, _Mapping]] = ..., work: _Optional[_Union[Work, _Mapping]] = ..., result: _Optional[_Union[PushResult, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., failure: _Optional[bytes] = ...) -> None: ...

class PullRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
