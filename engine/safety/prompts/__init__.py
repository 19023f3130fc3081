"""The gate on words: what a request says, compared with the rules of the house."""

from engine.safety.prompts.finding import Finding, GateDown
from engine.safety.prompts.gate import PromptGate

__all__ = ["Finding", "GateDown", "PromptGate"]
