"""Where compiled programs are kept."""

from strtf.quiet import program_cache


def test_programs_are_kept_with_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert program_cache() == tmp_path / "strtf" / "programs"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert program_cache() == tmp_path / ".cache" / "strtf" / "programs"
