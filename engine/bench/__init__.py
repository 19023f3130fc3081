"""`python -m engine.bench`: how fast this machine is, against plain diffusers in the same run.

Plain diffusers has the same weights, settings and dtype and serves one request after another. The
two take turns, figures are medians with their spread, and no prompt or seed comes twice, so the
engine's caches are cold for every measured request.
"""
