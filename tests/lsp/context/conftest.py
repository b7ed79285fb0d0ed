"""Secrets to plant: made up here, in the formats that their issuers publish."""

import pytest
from attrs import frozen


@frozen
class Plant:
    """A line of a file with a secret in it."""

    path: str
    line: str
    secret: str


def _spelled(*parts: str) -> str:
    """Join what would set off the scanners of those who host this file."""
    return "".join(parts)


ALNUM = "Zq7Rk2Wm9Xp4Lt6Vb8Nc3Hd5Js1Gf0QyTaEuIoPwMr"
HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
TOKENS = (
    _spelled("AKIA", "Q7RK2WM9XP4LT6VB"),
    _spelled("ASIA", "Q7RK2WM9XP4LT6VB"),
    _spelled("gh", "p_", ALNUM[:36]),
    _spelled("github", "_pat_", ALNUM[:22], "_", ALNUM),
    _spelled("glp", "at-", ALNUM[:20]),
    _spelled("xox", "b-", "2048409603842-", ALNUM[:24]),
    _spelled("sk_", "live_", ALNUM[:24]),
    _spelled("rk_", "test_", ALNUM[:24]),
    _spelled("sk-", "proj-", ALNUM),
    _spelled("sk-", "ant-api03-", ALNUM),
    _spelled("AIz", "aSy", ALNUM[:33]),
    _spelled("ya", "29.", ALNUM),
    _spelled("GOC", "SPX-", ALNUM[:28]),
    _spelled("np", "m_", ALNUM[:36]),
    _spelled("pypi", "-AgE", ALNUM, ALNUM),
    _spelled("hf", "_", ALNUM[:34]),
    _spelled("dckr", "_pat_", ALNUM[:27]),
    _spelled("da", "pi", HEX[:32]),
    _spelled("hv", "s.", ALNUM[:24]),
    _spelled("do", "p_v1_", HEX),
    _spelled("A", "C", HEX[:32]),
    _spelled("S", "G.", ALNUM[:22], ".", ALNUM),
    _spelled(HEX[:32], "-us", "12"),
    _spelled("shp", "at_", HEX[:32]),
    _spelled("1234567890:", "A", ALNUM[:34]),
    _spelled("M", ALNUM[:24], ".", "XyZ123", ".", ALNUM[:27]),
    _spelled("lin_", "api_", ALNUM[:40]),
    _spelled("glc", "_", ALNUM[:32]),
    _spelled("tskey", "-auth-", ALNUM[:20]),
    _spelled("AGE-SECRET", "-KEY-1", "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHC"),
    _spelled("ey", "JhbGciOiJIUzI1NiJ9.", "ey", "JzdWIiOiIxMjM0NTY3ODkwIn0.", ALNUM),
)
IN_PLACE = (
    Plant("settings.py", 'PASSWORD = "{}"', "hunter2"),
    Plant("settings.py", "db_password: str = '{}'", "correct horse battery"),
    Plant("settings.py", 'config["client_secret"] = "{}"', "tr0ub4dor&3"),
    Plant("settings.py", "connect(user='me', passwd='{}')", "letmein!"),
    Plant("settings.py", 'SECRET_KEY = os.environ.get("SECRET_KEY", "{}")', "d3v-only-key"),
    Plant("settings.py", 'if password == "{}":', "opensesame"),
    Plant("settings.py", 'API_KEY = "{}"', "q9w8e7r6t5"),
    Plant("settings.py", 'session_token = "{}"', ALNUM[:24]),
    Plant("settings.py", 'key = "{}"', HEX[:40]),
    Plant("settings.py", 'ENGINE = create_engine("postgresql://app:{}@db:5432/app")', "s3cr3tpw"),
    Plant("settings.py", 'headers = {"Authorization": "Bearer {}"}', ALNUM[:30]),
    Plant("settings.py", 'blob = "{}"', "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
    Plant("app.ts", "const apiKey: string = `{}`;", "ts-4p1-k3y-value"),
    Plant("app.ts", "  privateKey: '{}',", "n0t-so-private"),
    Plant("main.go", 'Password: "{}",', "gopher-77"),
    Plant("Main.java", 'String dbPassword = "{}";', "j4va-b3ans"),
    Plant("compose.yaml", "  POSTGRES_PASSWORD: {}", "plainwordpass"),
    Plant("compose.yaml", "  - MYSQL_ROOT_PASSWORD={}", "rootpass"),
    Plant("app.ini", "password = {}", "inipassword"),
    Plant("app.toml", 'secret = "{}"', "tomlsecret9"),
    Plant("app.json", '  "clientSecret": "{}",', "jsonsecret9"),
    Plant("app.xml", "  <password>{}</password>", "xmlpassw0rd"),
    Plant("app.properties", "spring.datasource.password={}", "springtime"),
    Plant("main.tf", 'admin_password = "{}"', "terra-f1rm"),
    Plant("Dockerfile", "ENV DB_PASSWORD={}", "dockerpass"),
    Plant("run.sh", "export AWS_SECRET_ACCESS_KEY={}", "wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzzzzzKEY"),
    Plant("run.sh", "curl -u admin:{} https://example.org", "curlpass1"),
    Plant("run.sh", "tool --password {} run", "flagpass1"),
    Plant("run.sh", "tool --api-key={} run", "flagkey12"),
    Plant("README.md", "password: {}", "readme-pass-1"),
    Plant("README.md", "https://hooks.slack.com/services/{}", "T00000000/B00000000/" + ALNUM[:24]),
    Plant("README.md", "https://x.blob.core.windows.net/c?sv=2020&sig={}", "abc%2Fdef%2Bghi%3Djklmnop"),
    Plant("README.md", "DefaultEndpointsProtocol=https;AccountKey={}", ALNUM * 2 + "=="),
)
ARMOURED = "-----BEGIN RSA PRIVATE KEY-----\n" + f"{ALNUM}\n{HEX[:44]}\n" + "-----END RSA PRIVATE KEY-----"


@frozen
class Planted:
    """All of it, for tests that plant everything."""

    tokens: tuple[str, ...] = TOKENS
    in_place: tuple[Plant, ...] = IN_PLACE
    armoured: str = ARMOURED

    @property
    def secrets(self) -> set[str]:
        """Every text that must turn up nowhere."""
        return {*self.tokens, *(plant.secret for plant in self.in_place), *self.armoured.split("\n")[1:-1]}


@pytest.fixture(scope="session")
def planted() -> Planted:
    """The planted corpus."""
    return Planted()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with an argument `token` or `plant` runs once for each."""
    if "token" in metafunc.fixturenames:
        metafunc.parametrize("token", TOKENS)
    if "plant" in metafunc.fixturenames:
        metafunc.parametrize("plant", IN_PLACE, ids=lambda plant: f"{plant.path}:{plant.secret[:12]}")
