"""A function or a class of the user's as the model."""

import importlib
import importlib.machinery
import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from lightly_assets.format.schema import TaskType
from lightly_assets.models.config import KINDS, BatchSize, EncodeSettings, ModelSettings
from lightly_assets.models.files import file_hash, version_of
from lightly_assets.models.protocol import Images, ModelError, Runtime, Source
from lightly_assets.models.runtimes.shared.memory import BatchMemory

CODE_VERSION = 1

# The hash that the source of a module had when it was imported from beside lightly.yaml.
_imported: dict[str, str] = {}


@KINDS.register("python")
class PythonModel(ModelSettings):
    """A function or a class of the user's, ``module:name``; its results are stored whole."""

    kind: Literal["python"]
    call: Annotated[str, Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")]
    """``package.module:name``; modules beside ``lightly.yaml`` can be imported."""
    args: dict[str, Any] = Field(default_factory=dict)
    """A class is instantiated once with these."""
    batch_size: BatchSize = 8
    version: str | None = None
    """Replaces the hash of the module's source in the model's version."""

    def encode_settings(self, task_type: TaskType) -> EncodeSettings:  # noqa: ARG002
        return self._encode()

    def load(self, task_type: TaskType, categories: int, base_dir: Path) -> Runtime:  # noqa: ARG002
        return PythonRuntime(self, base_dir)


class PythonRuntime:
    """Calls ``name(images)`` with (N, H, W, 3) uint8 RGB; an object's ``predict`` may take sources as well.

    What it returns is passed on as it is.
    """

    def __init__(self, config: PythonModel, base_dir: Path) -> None:
        self.name = config.call
        self._memory = BatchMemory()
        module_name, _, name = config.call.partition(":")
        module = _module(module_name, base_dir, config.call)
        target = _attribute(module, name, config.call)
        if inspect.isclass(target):
            target = self._instance(target, config)
        elif config.args:
            raise ModelError(f"call: {config.call} is no class, so args cannot be used.")
        self._call, self._wants_sources = _callable(target, config.call)
        self.batch_size = _own(target, "batch_size", int) or config.batch_size
        content = _content(module, target, config, base_dir)
        self.version = version_of(content, config.predict_settings(), CODE_VERSION)

    def _instance(self, target: type, config: PythonModel) -> Any:
        try:
            return target(**config.args)
        except Exception as error:
            raise ModelError(f"{config.call} cannot be made: {described_error(error)}.") from error

    def predict(self, images: Images, sources: Sequence[Source]) -> Sequence[Any]:
        """What the user's code returns for images of one size."""
        batch = images if isinstance(images, np.ndarray) else self._memory.stack(images)
        returned = self._call(batch, sources) if self._wants_sources else self._call(batch)
        if returned is None:
            raise ModelError(f"{self.name} returned None; it must return a list with one result per image.")
        if isinstance(returned, dict | str | bytes) or not hasattr(returned, "__iter__"):
            raise ModelError(
                f"{self.name} returned {type(returned).__name__}; it must return a list with one result per "
                "image."
            )
        return list(returned)


def _module(name: str, base_dir: Path, call: str) -> Any:
    folder = str(base_dir.resolve())
    if sys.path[:1] != [folder]:
        sys.path[:] = [folder, *(one for one in sys.path if one != folder)]
    _forget_others(name, folder)
    importlib.invalidate_caches()
    # A cache of the compiled source is told by its second and its size; an edit may change neither.
    wrote, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ModelError(
                f"call: {call} names the module {error.name}, which cannot be found; it must lie beside "
                f"lightly.yaml ({folder}) or be installed."
            ) from None
        raise ModelError(f"call: importing {name} fails: {described_error(error)}.") from error
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        raise ModelError(f"call: importing {name} fails: {described_error(error)}.") from error
    finally:
        sys.dont_write_bytecode = wrote
    _remember(name)
    return module


def _forget_others(name: str, folder: str) -> None:
    """Drops modules of another project with the same name, and those whose source has changed since."""
    top = name.partition(".")[0]
    spec = importlib.machinery.PathFinder.find_spec(top, [folder])
    loaded = sys.modules.get(top)
    if spec is None or loaded is None:
        return
    same_place = getattr(loaded, "__file__", None) == spec.origin
    if same_place and all(_unchanged(one) for one in list(sys.modules) if _within(one, top)):
        return
    for one in [one for one in sys.modules if _within(one, top)]:
        del sys.modules[one]
        _imported.pop(one, None)


def _within(name: str, top: str) -> bool:
    return name == top or name.startswith(f"{top}.")


def _unchanged(name: str) -> bool:
    source = getattr(sys.modules[name], "__file__", None)
    if name not in _imported or source is None:
        return True
    return Path(source).is_file() and file_hash(Path(source)) == _imported[name]


def _remember(name: str) -> None:
    top = name.partition(".")[0]
    for one in [one for one in sys.modules if _within(one, top)]:
        source = getattr(sys.modules[one], "__file__", None)
        if one not in _imported and source is not None and Path(source).is_file():
            _imported[one] = file_hash(Path(source))


def _attribute(module: Any, name: str, call: str) -> Any:
    target = module
    for part in name.split("."):
        if not hasattr(target, part):
            names = [one for one in vars(module) if not one.startswith("_") and callable(vars(module)[one])]
            raise ModelError(
                f"call: {call} names {name}, which {module.__name__} does not have; it has "
                f"{', '.join(sorted(names)[:10]) or 'nothing that can be called'}."
            )
        target = getattr(target, part)
    return target


def _callable(target: Any, call: str) -> tuple[Callable[..., Any], bool]:
    """What to call, and whether it wants the sources."""
    if hasattr(target, "predict") and not inspect.isfunction(target):
        return target.predict, len(inspect.signature(target.predict).parameters) > 1
    if not callable(target):
        raise ModelError(
            f"call: {call} is an object of {type(target).__name__}, which cannot be called and has no method "
            "'predict'; it must be a function, or a class that has '__call__' or 'predict'."
        )
    return target, False


def _own(target: Any, name: str, kind: type) -> Any:
    value = getattr(target, name, None)
    return value if isinstance(value, kind) else None


def _content(module: Any, target: Any, config: PythonModel, base_dir: Path) -> str:
    """What stands for the model: the user's version, else the module's source and files in args."""
    if config.version is not None:
        return config.version
    version = _own(target, "version", str)
    if version is not None:
        return str(version)
    source = getattr(module, "__file__", None)
    code = [Path(source)] if source and Path(source).is_file() else []
    files = [*code, *_named_files(config.args, base_dir)]
    return file_hash(*files) if files else config.call


def _named_files(args: dict[str, Any], base_dir: Path) -> list[Path]:
    """The files that arguments name, such as weights."""
    found = []
    for name in sorted(args):
        try:
            if isinstance(args[name], str) and (base_dir / args[name]).is_file():
                found.append(base_dir / args[name])
        except OSError:
            # A text that is too long for a path is none.
            continue
    return found


def described_error(error: BaseException) -> str:
    """``ValueError: boom (models.py, line 12)``: what was raised, and where in the user's code."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f" ({Path(code.co_filename).name}, line {trace.tb_lineno})"
        trace = trace.tb_next
    text = str(error).strip().rstrip(".")
    return f"{type(error).__name__}{f': {text}' if text else ''}{place}"
