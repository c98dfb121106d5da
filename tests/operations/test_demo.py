"""`make demo` on the machine of somebody who has a service of their own."""

from app.commands.ports import sandbox_port
from app.settings import Settings
from tools.demo_wire import child_environment, free_ports


def test_the_demonstration_takes_no_setting_of_ours() -> None:
    """Neither a port that our own service holds, nor its database or token; what is no setting stays."""
    ours = {name.upper(): "ours" for name in Settings.model_fields} | {"sandbox_port": "18179", "PATH": "/bin"}
    service, sandbox = free_ports()
    assert child_environment(ours, service, sandbox, "folder") == {
        "PATH": "/bin",
        "SERVICE_PORT": str(service),
        "SANDBOX_PORT": str(sandbox),
        "DATA_DIR": "folder",
        "LOG_LEVEL": "ERROR",
    }


def test_its_exchange_is_where_it_is_looked_for() -> None:
    """As the service itself reads its settings."""
    told = child_environment({"SANDBOX_PORT": "1"}, 20_150, 20_151, "folder")
    settings = Settings.model_validate({name.lower(): value for name, value in told.items()})
    assert (settings.service_port, sandbox_port(settings)) == (20_150, 20_151)
