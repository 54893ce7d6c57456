"""Settings: defaults, both sources, one clear line for every wrong value, and no secret in any of them (I10)."""

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError

SECRET = "s3cret-" + "x" * 20


def test_defaults_need_no_environment() -> None:
    settings = Settings.load({}, {})
    assert settings == Settings()
    assert (settings.host, settings.port, settings.replicas) == ("127.0.0.1", 8080, 1)
    assert (settings.lease_seconds, settings.session_ttl_seconds, settings.rate_limit) == (3.0, 86400.0, 5.0)
    assert settings.redis_url is None
    assert settings.secrets == ()


def test_options_win_over_the_environment_and_none_means_not_given() -> None:
    settings = Settings.load({"BATON_PORT": "1111", "BATON_HOST": "::1"}, {"port": "2222", "host": None, "demo": True})
    assert (settings.port, settings.host, settings.demo) == (2222, "::1", True)


def test_every_setting_survives_the_way_to_a_replica() -> None:
    settings = Settings.load(
        {
            "BATON_HOST": "[::1]",
            "BATON_PORT": "9000",
            "BATON_REPLICAS": "3",
            "BATON_REDIS_URL": "rediss://user:pw@redis.example:6380/2",
            "BATON_DATA_DIR": "/var/lib/baton data",
            "BATON_SECRET": f"{SECRET}1, {SECRET}2",
            "BATON_ADMIN_KEY": "k",
            "BATON_IDENTITY_SECRET": "short",
            "BATON_AGENT": "my_bot.main:make",
            "BATON_ACCOUNTS_URL": "postgresql://baton:pw@db.example/crm?sslmode=require",
            "BATON_ACCOUNTS_SAMPLES": "no",
            "BATON_KNOWLEDGE_DIR": "/srv/knowledge",
            "BATON_ECHO_DELAY_MS": "15",
            "BATON_LEASE_SECONDS": "0.5",
            "BATON_TURN_SECONDS": "300",
            "BATON_SESSION_TTL_SECONDS": "1",
            "BATON_RATE_LIMIT": "0",
            "BATON_ALLOWED_ORIGINS": "https://Example.com:443, http://localhost:3000,http://[::1]:81",
            "BATON_TRUSTED_PROXIES": "10.1.2.3/8, ::1",
            "BATON_MAX_CONNECTIONS": "50",
            "BATON_DRAIN_SECONDS": "2.5",
            "BATON_LOG_LEVEL": "DEBUG",
            "BATON_DEMO": "yes",
        },
        {},
    )
    assert settings.secrets == (f"{SECRET}1", f"{SECRET}2")
    assert settings.allowed_origins == ("https://example.com", "http://localhost:3000", "http://[::1]:81")
    assert settings.trusted_proxies == ("10.0.0.0/8", "::1")
    assert settings.data_dir == Path("/var/lib/baton data")
    assert settings.log_level == "debug"
    assert settings.accounts_samples is False
    assert Settings.load(settings.to_environ(), {}) == settings
    assert len(settings.to_environ()) == 23
    assert Settings.load(Settings.load({}, {}).to_environ(), {}).redis_url is None


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "BATON_LEASE_SECONDS",
            "abc",
            'BATON_LEASE_SECONDS must be a number of seconds between 0.5 and 60, not "abc"',
        ),
        ("BATON_LEASE_SECONDS", "0.4", "between 0.5 and 60"),
        ("BATON_LEASE_SECONDS", "nan", "between 0.5 and 60"),
        ("BATON_LEASE_SECONDS", "1e1", "between 0.5 and 60"),
        ("BATON_PORT", "65536", 'BATON_PORT must be a port number between 0 and 65535, not "65536"'),
        ("BATON_PORT", "-1", "between 0 and 65535"),
        ("BATON_PORT", "٣", "between 0 and 65535"),
        ("BATON_PORT", "9" * 5000, "between 0 and 65535"),
        ("BATON_PORT", "", 'not ""'),
        ("BATON_HOST", "http://x", "an address or host name"),
        ("BATON_REPLICAS", "0", "between 1 and 64"),
        ("BATON_REPLICAS", "2.0", "between 1 and 64"),
        ("BATON_DATA_DIR", "", "the path of a folder"),
        ("BATON_DATA_DIR", "~no-such-user-here/x", "the path of a folder"),
        ("BATON_AGENT", "a b", "package.module:factory"),
        ("BATON_AGENT", "a.b", "package.module:factory"),
        ("BATON_ECHO_DELAY_MS", "1.5", "milliseconds between 0 and 60000"),
        ("BATON_SESSION_TTL_SECONDS", "0", "between 1 and 315360000"),
        ("BATON_RATE_LIMIT", "-1", "a second of at least 0"),
        ("BATON_RATE_LIMIT", "inf", "a second of at least 0"),
        ("BATON_ALLOWED_ORIGINS", "example.com", "a list of origins"),
        ("BATON_ALLOWED_ORIGINS", "https://example.com/", "a list of origins"),
        ("BATON_ALLOWED_ORIGINS", "https://u:p@example.com", "a list of origins"),
        ("BATON_ALLOWED_ORIGINS", "https://a.example,", "a list of origins"),
        ("BATON_ALLOWED_ORIGINS", "https://a.example:99999", "a list of origins"),
        ("BATON_ALLOWED_ORIGINS", "null", "a list of origins"),
        ("BATON_TRUSTED_PROXIES", "10.0.0.0/33", "a list of IP addresses"),
        ("BATON_TRUSTED_PROXIES", "localhost", "a list of IP addresses"),
        ("BATON_MAX_CONNECTIONS", "0", "between 1 and 1000000"),
        ("BATON_DRAIN_SECONDS", "10s", "between 0 and 3600"),
        ("BATON_LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("BATON_DEMO", "maybe", "1 or 0"),
        ("BATON_ACCOUNTS_SAMPLES", "ten", "1 or 0"),
        ("BATON_KNOWLEDGE_DIR", "", "the path of a folder"),
        ("BATON_PORT", "80\n80", r'not "80\n80"'),
    ],
)
def test_a_wrong_value_is_one_line_that_names_the_setting(name: str, value: str, line: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: value}, {})
    assert str(caught.value).startswith(f"{name} must be ")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BATON_SECRET", "hunter2"),
        ("BATON_SECRET", f"{SECRET},hunter2"),
        ("BATON_SECRET", f"{SECRET},"),
        ("BATON_SECRET", ""),
        ("BATON_ADMIN_KEY", ""),
        ("BATON_IDENTITY_SECRET", " "),
        ("BATON_REDIS_URL", "http://:hunter2@host"),
        ("BATON_REDIS_URL", "redis://:hunter2@host:port"),
        ("BATON_REDIS_URL", "redis://:hunter2@"),
        ("BATON_REDIS_URL", "redis://:hunter2@host/zero"),
        ("BATON_REDIS_URL", "redis://:hunter2@host:99999"),
        ("BATON_REDIS_URL", "redis://:hunter2@[::1"),
        ("BATON_REDIS_URL", "unix://"),
        ("BATON_REDIS_URL", "unix://tmp/hunter2"),
        ("BATON_REDIS_URL", ""),
        ("BATON_ACCOUNTS_URL", "mysql://:hunter2@host/crm"),
        ("BATON_ACCOUNTS_URL", "postgresql://:hunter2@host/c r m"),
        ("BATON_ACCOUNTS_URL", ""),
    ],
)
def test_a_wrong_value_that_may_be_secret_is_not_shown(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load({name: value}, {})
    assert str(caught.value).startswith(f"{name} must be ")
    assert "not " not in str(caught.value).replace("not be set", "")
    assert "hunter2" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["redis://localhost", "redis://h:6379/", "rediss://u:p@[::1]:6380/1?ssl_cert_reqs=none", "unix:///a%20b.sock?db=0"],
)
def test_redis_urls_that_work(url: str) -> None:
    assert Settings.load({}, {"redis_url": url}).redis_url == url


def test_a_wrong_option_is_named_as_the_option() -> None:
    with pytest.raises(SettingsError, match=r'^--port must be a port number between 0 and 65535, not "x"$'):
        Settings.load({"BATON_PORT": "1"}, {"port": "x"})


def test_replica_ports_must_fit_above_the_port() -> None:
    assert Settings.load({"BATON_PORT": "65535"}, {}).port == 65535
    with pytest.raises(SettingsError, match="BATON_PORT must leave room for 2 replicas"):
        Settings.load({"BATON_PORT": "65534", "BATON_REPLICAS": "2"}, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "example.com", "localhost.example.com", "127.1"])
def test_demo_mode_is_for_this_machine_alone(host: str) -> None:
    line = "^--demo must be left out .* when BATON_HOST isn't a loopback address"
    for environ, options in (({"BATON_DEMO": "1", "BATON_HOST": host}, {}), ({}, {"demo": True, "host": host})):
        with pytest.raises(SettingsError, match=line):
            Settings.load(environ, options)
    assert Settings.load({"BATON_HOST": host}, {}).demo is False
    for own in ("localhost", "127.0.0.1", "127.0.0.9", "[::1]"):
        assert Settings.load({"BATON_HOST": own}, {"demo": True}).demo


def test_no_secret_is_in_a_repr() -> None:
    settings = Settings.load(
        {
            "BATON_SECRET": SECRET,
            "BATON_ADMIN_KEY": "admin-hunter2",
            "BATON_IDENTITY_SECRET": "id-hunter2",
            "BATON_REDIS_URL": "redis://:hunter2@h",
        },
        {},
    )
    assert "hunter2" not in repr(settings)
    assert SECRET not in repr(settings)


def test_unknown_variables_are_ignored_and_named() -> None:
    settings = Settings.load({"BATON_LEASE_SECOND": "hunter2", "BATON_ZZZ": "1", "PATH": "/bin"}, {})
    assert settings.unknown == ("BATON_LEASE_SECOND", "BATON_ZZZ")
    assert settings.warnings() == [
        "BATON_LEASE_SECOND is not a setting and was ignored; is it BATON_LEASE_SECONDS?",
        "BATON_ZZZ is not a setting and was ignored",
    ]


def test_a_short_identity_secret_works_with_a_warning_that_does_not_show_it() -> None:
    settings = Settings.load({"BATON_IDENTITY_SECRET": "hunter2"}, {})
    assert settings.identity_secret == "hunter2"
    assert len(settings.warnings()) == 1
    assert "hunter2" not in settings.warnings()[0]
    assert Settings.load({"BATON_IDENTITY_SECRET": "x" * 32}, {}).warnings() == []


def test_secrets_may_stand_in_files(tmp_path: Path) -> None:
    for name, text in (("secret", f"{SECRET}\n"), ("admin", "k\n"), ("redis", "redis://h\n")):
        (tmp_path / name).write_text(text)
    files = {"BATON_SECRET": "secret", "BATON_ADMIN_KEY": "admin", "BATON_REDIS_URL": "redis"}
    settings = Settings.load({f"{name}_FILE": str(tmp_path / file) for name, file in files.items()}, {})
    assert (settings.secrets, settings.admin_key, settings.redis_url) == ((SECRET,), "k", "redis://h")
    assert settings.unknown == ()
    assert Settings.load(settings.to_environ(), {}).secrets == settings.secrets
    assert Settings.load({"BATON_REDIS_URL_FILE": "/none"}, {"redis_url": "redis://o"}).redis_url == "redis://o"


def test_a_secret_file_that_does_not_do_is_one_line_without_its_content(tmp_path: Path) -> None:
    short, binary, huge = tmp_path / "short", tmp_path / "binary", tmp_path / "huge"
    short.write_text("hunter2")
    binary.write_bytes(b"hunter2-hunter2-\xff")
    huge.write_text("hunter2 " * 10000)
    for path in (short, binary, huge, tmp_path, tmp_path / "none", Path("a\0b")):
        with pytest.raises(SettingsError, match=r"^BATON_SECRET(_FILE)? must be ") as caught:
            Settings.load({"BATON_SECRET_FILE": str(path)}, {})
        assert "hunter2" not in str(caught.value)
    with pytest.raises(SettingsError, match="can't both be set"):
        Settings.load({"BATON_SECRET_FILE": str(short), "BATON_SECRET": SECRET}, {})
    assert Settings.load({"BATON_PORT_FILE": str(short)}, {}).unknown == ("BATON_PORT_FILE",)
