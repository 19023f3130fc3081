from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from time import perf_counter

import pytest

from engine.safety.prompts import Finding, GateDown, PromptGate
from engine.safety.prompts.clauses import MOST
from engine.safety.prompts.finding import LIKE
from tests.safety.prompts.encoder import Encoder, broken_at_first

EXAMPLE = "swingers at a sex party"  # of the exemplars; found by rules, too
UNFORESEEN = "goodbye forever, I end it today"  # likewise, and no rule finds it


@pytest.fixture
def encoder() -> Iterator[Encoder]:
    encoder = Encoder()
    yield encoder
    encoder.free.set()  # so that its thread ends


@pytest.fixture
async def gate(encoder: Encoder) -> AsyncIterator[PromptGate]:
    async with PromptGate.open(encoder.load) as gate:
        yield gate


async def test_what_rules_find_and_what_is_like_an_example(gate: PromptGate) -> None:
    fox, nude, like = await gate.check(["a fox", "a nude fox", UNFORESEEN])
    assert fox == ()
    assert [(one.policy, one.start, one.end, one.score) for one in nude] == [("sexual", 2, 6, 1.0)]
    (finding,) = like
    assert (finding.policy, finding.start, finding.end) == ("selfharm", 0, len(UNFORESEEN))
    assert finding.rule == LIKE + UNFORESEEN
    assert 0.5 < finding.score <= 1


async def test_no_texts(gate: PromptGate) -> None:
    assert await gate.check([]) == []
    assert await gate.check(["", " \u200b "]) == [(), ()]


async def test_a_policy_found_by_a_rule_needs_no_example(gate: PromptGate) -> None:
    (found,) = await gate.check([EXAMPLE])
    assert {one.policy for one in found} == {"sexual"}
    assert not any(one.rule.startswith(LIKE) for one in found)


async def test_a_clause_of_a_long_text_is_found(gate: PromptGate) -> None:
    fine = "A quiet village by the sea with boats and gulls and a long white beach. " * 5
    text = f"{fine}{UNFORESEEN}. {fine}"
    ((finding,),) = await gate.check([text])
    assert UNFORESEEN.startswith(text[finding.start : finding.end][:10])


async def test_who_waits_is_encoded_at_once(gate: PromptGate, encoder: Encoder) -> None:
    await gate.check(["first"])
    encoder.free.clear()
    checks = [asyncio.create_task(gate.check([f"fox {number}"])) for number in range(20)]
    await asyncio.sleep(0.5)
    encoder.free.set()
    assert await asyncio.gather(*checks) == [[()]] * 20
    assert len(encoder.batches) <= 4
    assert sum(map(len, encoder.batches)) == 21


async def test_what_was_asked_lately_is_remembered(gate: PromptGate, encoder: Encoder) -> None:
    once = await gate.check([UNFORESEEN, UNFORESEEN])
    assert await gate.check([UNFORESEEN]) == once[:1]
    assert sum(map(len, encoder.batches)) == 1


async def test_what_is_said_again_is_compared_once(gate: PromptGate, encoder: Encoder) -> None:
    said = f"{UNFORESEEN}. A quiet village by the sea. " * 20
    ((first,), (second,)) = await gate.check([said, f"a fox. {said}"])
    asked = [text for batch in encoder.batches for text in batch]
    assert len(asked) == len(set(asked)) < 10
    assert UNFORESEEN.startswith(said[first.start : first.end])
    assert second.start >= len("a fox. ")


async def test_a_large_request_does_not_hold_up_a_small_one(
    gate: PromptGate, encoder: Encoder
) -> None:
    await gate.check(["first"])
    encoder.free.clear()
    texts = [" ".join(f"{number}x{word}" for word in range(200)) for number in range(8)]
    large = asyncio.create_task(gate.check(texts))
    while len(encoder.batches) < 2:  # noqa: ASYNC110 - nothing tells it
        await asyncio.sleep(0.01)
    small = asyncio.create_task(gate.check(["a fox"]))
    await asyncio.sleep(0.2)
    encoder.free.set()
    assert await small == [()]
    await large
    assert "a fox" in encoder.batches[2]
    assert sum(map(len, encoder.batches)) <= 2 + MOST


async def test_the_encoder_has_a_thread_of_its_own(gate: PromptGate, encoder: Encoder) -> None:
    await gate.check(["a fox"])
    assert encoder.threads == {"prompt gate"}


async def test_the_event_loop_goes_on(gate: PromptGate, encoder: Encoder) -> None:
    await gate.check(["first"])
    encoder.free.clear()
    check = asyncio.create_task(gate.check([f"{'child naked ' * 80}{UNFORESEEN}"]))
    longest, began = 0.0, perf_counter()
    for _ in range(50):
        await asyncio.sleep(0.001)
        longest, began = max(longest, perf_counter() - began), perf_counter()
    assert not check.done()
    encoder.free.set()
    await check
    assert longest < 0.25


async def test_a_hanging_encoder_leaves_the_rules(encoder: Encoder) -> None:
    async with PromptGate.open(encoder.load, patience=0.1) as gate:
        await gate.check(["first"])
        encoder.free.clear()
        with pytest.raises(GateDown) as down:
            await gate.check(["a fox", "a nude fox"])
        fox, nude = down.value.findings
        assert (fox, [one.policy for one in nude]) == ((), ["sexual"])
        encoder.free.set()
        assert await gate.check(["a fox"]) == [()]


async def test_a_broken_encoder_is_asked_again(gate: PromptGate, encoder: Encoder) -> None:
    await gate.check(["first"])
    encoder.broken = True
    with pytest.raises(GateDown):
        await gate.check([UNFORESEEN])
    encoder.broken = False
    assert await policies(gate, UNFORESEEN) == ["selfharm"]


async def test_one_that_does_not_load_is_loaded_again(encoder: Encoder) -> None:
    async with PromptGate.open(broken_at_first(encoder, 2)) as gate:
        with pytest.raises(GateDown):
            await gate.check(["a fox"])
        assert await gate.check(["a fox"]) == [()]


async def test_a_check_waits_while_the_encoder_is_loaded(encoder: Encoder) -> None:
    encoder.free.clear()
    async with PromptGate.open(encoder.load, patience=0.01, loading=30) as gate:
        check = asyncio.create_task(gate.check([UNFORESEEN]))
        await asyncio.sleep(0.1)
        assert not check.done()
        encoder.free.set()
        ((finding,),) = await check
        assert isinstance(finding, Finding)


async def test_one_that_loads_for_ever_is_down(encoder: Encoder) -> None:
    encoder.free.clear()
    async with PromptGate.open(encoder.load, patience=0.01, loading=0.1) as gate:
        with pytest.raises(GateDown):
            await gate.check(["a fox"])


async def test_who_goes_away_disturbs_nobody(gate: PromptGate, encoder: Encoder) -> None:
    await gate.check(["first"])
    encoder.free.clear()
    gone, stays = (asyncio.create_task(gate.check([text])) for text in ("gone", UNFORESEEN))
    await asyncio.sleep(0.05)
    gone.cancel()
    encoder.free.set()
    ((finding,),) = await stays
    assert finding.policy == "selfharm"


async def policies(gate: PromptGate, text: str) -> list[str]:
    (found,) = await gate.check([text])
    return [one.policy for one in found]
