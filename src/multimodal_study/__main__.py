"""Entry point of the packaged project: ``python -m multimodal_study``."""

from pathlib import Path

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main() -> None:
    """Run the project as ``kedro run`` does."""
    package = Path(__file__).parent.name
    configure_project(package)
    find_run_command(package)()


if __name__ == "__main__":
    main()
