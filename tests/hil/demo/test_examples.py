from pathlib import Path

from hil.demo.examples import example_lines


def test_the_examples_define_what_they_use() -> None:
    lines = example_lines("1.6", Path("/x/bench.sock"), Path("/x/csms.sock"), "04A1")
    assert lines[0].startswith("bench() { ")
    assert "--control /x/bench.sock" in lines[0]
    assert lines[1].startswith("csms() { ")
    assert {line.split()[0] for line in lines[3:]} == {"bench", "csms"}


def test_the_question_to_the_station_is_one_of_its_version() -> None:
    def last(version: str) -> str:
        return example_lines(version, Path("b"), Path("c"), "04A1")[-1]

    assert "GetConfiguration" in last("1.6")
    assert "GetBaseReport" in last("2.0.1")
