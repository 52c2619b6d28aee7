"""Project settings, read by Kedro at start-up."""

from multimodal_study.freshness.session import FreshSession
from multimodal_study.hooks import RecordRun, RejectUnknownParameters, TrackCells
from multimodal_study.storage import write_aside

write_aside.install()

SESSION_CLASS = FreshSession
HOOKS = (RejectUnknownParameters(), RecordRun(), TrackCells())
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # Destructive merging, Kedro's default, would let one --params key erase its siblings.
    "merge_strategy": {"parameters": "soft"},
}
