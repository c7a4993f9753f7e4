"""What is stored of the final states: the states themselves, a divergence, the drop of a token's odds, or a preference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from headsurgery.engine.task import Finals
from headsurgery.model.divergence import kl_divergence


@dataclass(frozen=True)
class States:
    """Final states, in the model's type: [heads, queries, tail, hidden_size], and the base's."""

    wants_logits: ClassVar[bool] = False

    def of_heads(self, finals: Finals) -> torch.Tensor:
        """[heads, queries, tail, hidden_size]."""
        return finals.states

    def of_base(self, finals: Finals) -> torch.Tensor:
        """[queries, tail, hidden_size]."""
        return finals.base_states

    def stored_bytes(self, hidden_size: int, itemsize: int) -> int:
        """Size of a state."""
        return hidden_size * itemsize


class _OfLogits:
    """A measure of logits that stores nothing of the base."""

    wants_logits: ClassVar[bool] = True

    def of_base(self, finals: Finals) -> torch.Tensor | None:
        """Nothing."""
        return None

    def stored_bytes(self, hidden_size: int, itemsize: int) -> int:
        """Size of a float64."""
        return 8


@dataclass(frozen=True)
class Divergence(_OfLogits):
    """KL(base || head edited) of the next token in nats, float64: [heads, queries, tail]."""

    def of_heads(self, finals: Finals) -> torch.Tensor:
        """[heads, queries, tail]."""
        assert finals.logits is not None  # requested
        assert finals.base_logits is not None
        return kl_divergence(finals.base_logits, finals.logits)


@dataclass(frozen=True)
class StatesAndDivergence:
    """Final states with the divergence appended: [heads, queries, tail, hidden_size + 1], at least in float32."""

    wants_logits: ClassVar[bool] = True

    def of_heads(self, finals: Finals) -> torch.Tensor:
        """[heads, queries, tail, hidden_size + 1]."""
        states = _widen(finals.states)
        return torch.cat([states, Divergence().of_heads(finals).unsqueeze(-1).to(states)], dim=-1)

    def of_base(self, finals: Finals) -> torch.Tensor:
        """[queries, tail, hidden_size]."""
        return _widen(finals.base_states)

    def stored_bytes(self, hidden_size: int, itemsize: int) -> int:
        """Size of a state and one more number, at least in float32."""
        return (hidden_size + 1) * max(itemsize, 4)


def _widen(states: torch.Tensor) -> torch.Tensor:
    return states.to(torch.promote_types(states.dtype, torch.float32))


@dataclass(frozen=True)
class LogOddsDrop(_OfLogits):
    """Drop of the log-odds of given tokens in nats: [heads, queries, tail].

    Args:
        targets: Token ids to predict at the `tail` positions of every query of the task.
    """

    targets: tuple[tuple[int, ...], ...]

    def of_heads(self, finals: Finals) -> torch.Tensor:
        """[heads, queries, tail]."""
        assert finals.logits is not None  # requested
        assert finals.base_logits is not None
        targets = torch.tensor([self.targets[query] for query in finals.queries])
        return (log_odds(finals.base_logits, targets) - log_odds(finals.logits, targets)).double()


@dataclass(frozen=True)
class PreferenceDrop(_OfLogits):
    """Drop of the log-odds of one token against another, log p(one) - log p(other), in nats: [heads, queries, tail].

    For the base, the log-odds themselves are stored, [queries, tail].

    Args:
        tokens: Both token ids, for every query of the task.
    """

    tokens: tuple[tuple[int, int], ...]

    def of_heads(self, finals: Finals) -> torch.Tensor:
        """[heads, queries, tail]."""
        assert finals.logits is not None  # requested
        return self.of_base(finals) - self._preferences(finals.logits, finals.queries)

    def of_base(self, finals: Finals) -> torch.Tensor:
        """[queries, tail]."""
        assert finals.base_logits is not None  # requested
        return self._preferences(finals.base_logits, finals.queries)

    def _preferences(self, logits: torch.Tensor, queries: tuple[int, ...]) -> torch.Tensor:
        """[..., queries, tail] of logits [..., queries, tail, vocabulary]."""
        pairs = torch.tensor([self.tokens[query] for query in queries], device=logits.device)  # [queries, 2]
        both = logits.gather(-1, pairs.unsqueeze(1).expand(*logits.shape[:-1], 2)).double()  # [..., queries, tail, 2]
        return both[..., 0] - both[..., 1]


def log_odds(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Log-odds of a token: its logit minus the log-sum-exp of all others, in nats, at least in float32. Exact even far from 0.

    Args:
        logits: [..., vocabulary].
        targets: Token ids, [...] or a shape that broadcasts to it.

    Returns:
        The log-odds, [...].
    """
    if logits.numel() == logits.shape[-1]:  # a single row: see `kl_divergence`
        return log_odds(logits.reshape(1, -1).repeat(2, 1), targets.reshape(-1)[:1])[:1].view(logits.shape[:-1])
    index = targets.to(logits.device).expand(logits.shape[:-1]).unsqueeze(-1)  # [..., 1]
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    others = wide.scatter(-1, index, float("-inf"))
    return wide.gather(-1, index).squeeze(-1) - torch.logsumexp(others, dim=-1)
