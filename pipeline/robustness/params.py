"""How the grids of a run are asked for."""

from dataclasses import dataclass

from training.settings import Modality


@dataclass(frozen=True)
class RobustnessParams:
    """The grids of one run; an empty tuple leaves a grid out."""

    noise_db: tuple[float, ...]  # speech above white noise, for recordings
    silence: bool  # recordings replaced by digital silence
    missing: tuple[Modality, ...]  # each in turn missing from every utterance
    missing_rates: tuple[float, ...]  # shares of utterances that lose one modality, chosen evenly
    sources: tuple[str, ...]  # texts in place of those that the run was trained on
    seed: int

    def __post_init__(self) -> None:
        """Check that the rates are shares."""
        for rate in self.missing_rates:
            if not 0 < rate <= 1:
                raise ValueError(f"robustness: missing_rates has {rate}, expected 0 < rate <= 1")
