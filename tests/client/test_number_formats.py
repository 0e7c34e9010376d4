"""Numbers and dates in other formats are read as what they are."""

from suggesting import job

from chainrule.data.dataset import load_dataset


class TestFormats:
    def table(self, tmp_path, *columns, delimiter=";"):
        rows = zip(*columns, ["a", "b"] * (len(columns[0]) // 2), strict=True)
        names = [*(f"x{i}" for i in range(len(columns))), "y"]
        text = "\n".join(
            delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in [names, *rows]
        )
        (tmp_path / "a.csv").write_text(text + "\n")
        return job(tmp_path / "a.csv", "y")

    def test_of_numbers_are_found(self, tmp_path):
        spec = self.table(tmp_path, [f"{i},5" for i in range(40)], [f"{i * 3 % 7},25" for i in range(40)])
        assert (spec.data.decimal, spec.data.ignore) == (",", None)
        spec = self.table(tmp_path, [f"{i},{100 + i}" for i in range(1, 41)], delimiter=",")
        assert (spec.data.thousands, spec.data.ignore) == (",", None)
        spec = self.table(tmp_path, [f"{i}" if i % 2 else f"{i},{100 + i}" for i in range(1, 41)], delimiter=",")
        assert (spec.data.thousands, spec.data.ignore) == (",", None)
        spec = self.table(tmp_path, [f"${i},{100 + i}.50" for i in range(1, 41)], delimiter=",")
        assert (spec.data.thousands, spec.data.ignore) == (",", None)
        spec = self.table(tmp_path, [f"{1 + i % 28}.{1 + i % 12}.2024" for i in range(40)])
        assert (spec.data.date_format, spec.data.ignore) == ("%d.%m.%Y", None)

    def test_that_would_change_another_column_are_not_used(self, tmp_path):
        spec = self.table(tmp_path, [f"{i},5" for i in range(40)], [f"{i}.5" for i in range(40)])
        assert (spec.data.decimal, spec.data.ignore) == (".", ("x0",))
        spec = self.table(
            tmp_path, [f"{i}.{100 + i},5" for i in range(1, 41)], [f"{i % 9}.{100 + i}" for i in range(40)]
        )
        assert (spec.data.decimal, spec.data.thousands, spec.data.ignore) == (".", None, ("x0",))

    def test_with_a_sign_are_numbers(self, tmp_path):
        spec = self.table(tmp_path, [f"${i}.50" for i in range(40)], [f"{i} %" for i in range(40)])
        assert spec.data.ignore is None
        assert load_dataset(spec)[0].encoders[0].sign == "$"

    def test_that_are_given_are_written(self, tmp_path):
        rows = [f"{i},5;{'-' if i % 9 == 0 else 'é'};{'ab'[i % 2]}" for i in range(40)]
        (tmp_path / "a.csv").write_bytes("\n".join(["x;z;y", *rows]).encode("windows-1252"))
        reading = {"decimal": ",", "missing_values": ("-", "none"), "encoding": "windows-1252", "delimiter": ";"}
        data = job(tmp_path / "a.csv", "y", **reading).data
        assert {name: getattr(data, name) for name in reading} == reading
