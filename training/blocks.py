"""The attention blocks of a model by `torch.compile`.

The rest stays as written: LSTMs are cuDNN's, which torch does not compile, and masked batch norm
gathers by lengths that only the host knows.
"""

from torch import compiler, nn

from training.models.attention import CoAttention, GuidedAttention, SelfAttention
from training.train_settings import Compiled

BLOCKS = (CoAttention, GuidedAttention, SelfAttention)


def compile_blocks(model: nn.Module, mode: Compiled | None) -> None:
    """Compile, in place, each outermost attention block, once for all sizes of a batch.

    `reduce-overhead` records CUDA graphs, one for each size. Names and values of weights stay as
    they are; copies of the model made before are not compiled.

    Raises:
        ValueError: the model has no such block.
    """
    if mode is None:
        return
    inside = {
        id(child)
        for block in model.modules()
        if isinstance(block, BLOCKS)
        for child in block.modules()
        if child is not block
    }
    blocks = [m for m in model.modules() if isinstance(m, BLOCKS) and id(m) not in inside]
    if not blocks:
        raise ValueError(
            f"training.compile is {mode!r}, but {type(model).__name__} has no attention blocks to "
            "compile: use null"
        )
    for block in blocks:
        block.compile(mode=mode, dynamic=True)


def begin_step(mode: Compiled | None) -> None:
    """Tell recorded graphs that the results of the last step are no longer needed."""
    if mode == "reduce-overhead":
        compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call]
