"""A first line of names is told from a first line of data."""

import csv
import io

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainrule.data.sniffing import guess

MUSHROOMS = "p,x,s,n,t\ne,x,s,y,t\ne,b,s,w,t\np,x,y,w,t\ne,x,s,g,f\n"
PIXELS = "\n".join(",".join(str((7 * row * column) % 256) for column in range(12)) for row in range(1, 6)) + "\n"

HEADERS = {
    "names over numbers": "a,b\n1,2\n",
    "names over numbers, many rows": "a,b\n" + "1,2\n3,4\n" * 50,
    "names over texts and numbers": "name,age\nann,31\nbob,40\n",
    "years over fractions": "country,2019,2020\nFrance,1.5,2.5\n",
    "years over fractions, more rows": "country,2019,2020\nFrance,1.5,2.5\nSpain,1.25,2.75\n",
    "years over large numbers": "country,2018,2019\nFrance,67158348,67388001\nSpain,46797754,47134837\n",
    "years alone": "2019,2020,2021\n1.5,2.5,1\n1,2,3\n",
    "one year": "country,2019\nFrance,1.5\nSpain,2.5\n",
    "dates over numbers": "country,1/22/20,1/23/20\nFrance,0,2\nSpain,1,3\n",
    "ISO dates over numbers": "id,2020-01-22,2020-01-23\n1,0,2\n2,1,3\n",
    "positions and a label over numbers": "0,1,2,label\n5,3,1,0\n2,8,4,1\n",
    "positions and a label over texts": "0,1,2,label\n5,3,1,cat\n2,8,4,dog\n",
    "positions and a label over fractions": "0,1,2,label\n0.5,0.25,0.1,cat\n0.2,0.8,0.4,dog\n",
    "positions over fractions": "0,1,2\n0.5,-1.25,0.1\n0.2,0.8,1.4\n0.1,2.8,0.9\n",
    "positions of many columns over pixels": ",".join(map(str, range(12))) + "\n" + PIXELS,
    "chosen positions and a label": "label,5,12,33\n1,0,255,7\n0,3,200,40\n",
    "wavelengths": "sample,400.5,401.0,401.5,402.0,402.5\ns1,0.02,0.03,0.04,0.03,0.02\ns2,0.12,0.13,0.14,0.13,0.1\n",
    "numbers in quotes over numbers without": '"1","2"\n3,4\n5,6\n',
    "fractions in quotes over numbers without": '"0.5","0.7"\n3,4\n0.6,6\n',
    "names in quotes over texts in quotes": '"name","age"\n"ann",31\n"bob",40\n',
    "over exponents": "a,b\n1e5,2e-3\n",
    "over words for missing values and infinity": "a,b\nNaN,1\n2,inf\n",
    "over dates": "day,x\n2020-01-01,1\n2020-01-02,2\n",
    "over German dates": "day;x\n01.02.2020;1\n02.02.2020;2\n",
    "over times": "at,x\n10:30,1\n11:45:10.5,2\n",
    "over booleans": "ok,x\ntrue,red\nfalse,blue\n",
    "over empty cells": "a,b\n,2\n1,\n",
    "over European numbers": "a;b\n1,5;2.345,6\n2,5;1.345,6\n",
    "over money and percents": "a;b\n$5.20;12%\n$6.10;13 %\n",
    "a column of numbers with one word in it": "a,b\n" + "1,2\n" * 30 + "oops,3\n",
    "a word over numbers beside words that come again": "a,b\na,1\nb,2\n",
    "the same name twice over numbers": "a,b,a\n1,2,3\n",
    "mushrooms with names": "class,cap-shape,cap-surface,cap-color,bruises\n" + MUSHROOMS,
    "texts and classes": "review,sentiment\ngood film,positive\nbad film,negative\na fine film,positive\n",
    "texts that are all different": "name,address\nAnn,12 Main St\nBob,7 Oak Ave\n",
    "one column of texts": "colour\nred\nblue\nred\n",
    "one column of numbers": "x\n1\n2\n",
    "a header alone": "a,b,c\n",
    "a header alone without a line break": "a,b,c",
    "a header alone with years": "country,2019,2020\n",
    "one row of texts": "colour,shape\nred,round\n",
    "an index without a name": ",a,b\n0,1.5,x\n1,2.5,y\n",
    "a number over texts that differ": "id,2019,2020\na,high,low\nb,low,high\n",
    "an empty column": "a,b,c\n1,,2\n3,,4\n",
    "names that are words for booleans elsewhere": "yes,no\n1,0\n0,1\n",
    "umlauts": "größe,gewicht\n1,2\n",
    "a y over classes": "f1,f2,y\n0.1,0.2,1\n0.2,0.4,0\n",
}

ROWS = {
    "whole numbers": "1,2\n3,4\n",
    "whole numbers in a row": "1,2,3\n4,5,6\n",
    "a range of numbers": "0,1,2\n3,4,5\n6,7,8\n",
    "fractions": "5.1,3.5,1.4,0.2\n4.9,3.0,1.4,0.2\n",
    "fractions and a class": "5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,setosa\n",
    "fractions and a class that does not come again": "5.1,3.5,1.4,0.2,setosa\n4.9,3.0,1.4,0.2,virginica\n",
    "iris of several classes": "5.1,3.5,setosa\n7.0,3.2,versicolor\n6.3,3.3,virginica\n5.0,3.4,setosa\n",
    "an exponent": "1e5,a\n2e5,b\n",
    "NaN": "NaN,a\n2.5,b\n",
    "infinity": "inf,a\n2.5,b\n",
    "a date": "2020-01-01,a\n2020-01-02,b\n",
    "a German date": "01.02.2020;a\n02.02.2020;b\n",
    "a boolean": "true,a\nfalse,b\n",
    "a question mark": "?,1.5,a\n2,2.5,b\n",
    "an empty cell and numbers": ",1.5,3\n2,2.5,4\n",
    "European numbers": "1,5;2,5\n3,5;4,5\n",
    "negative numbers": "-1,-2\n-3,-4\n",
    "a country and years": "France,2019,2020\nSpain,1990,2021\nItaly,1995,2005\n",
    "a country and years of which the first are the largest": "France,2020,2021\nSpain,1990,2011\nItaly,1995,2005\n",
    "a text and whole numbers": "a,1,2\nb,3,4\nc,5,6\n",
    "census": "39, State-gov, 77516, <=50K\n50, Private, 83311, <=50K\n38, Private, 215646, >50K\n",
    "mushrooms": MUSHROOMS,
    "texts and classes": "good film,positive\nbad film,negative\na fine film,positive\n",
    "texts of which two are the same": "yes,no,yes\nno,maybe,never\n",
    "pixels": PIXELS,
    "a class first": "1,14.23,1.71\n1,13.2,1.78\n3,13.16,2.36\n",
    "numbers in quotes everywhere": '"1","2"\n"3","4"\n',
    "a word gone wrong": "1.5,2.5,oops,4.5\n1.5,2.5,3.5,4.5\n",
    "one row of numbers": "1,2,3\n",
    "one row of numbers and texts": "39, State-gov, 77516, Bachelors\n",
    "one column of numbers": "5\n3\n4\n",
    "one column of texts that come again": "red\nblue\nred\n",
    "a time": "10:30,a\n11:30,b\n",
    "fractions without a fraction, as pandas writes them": "36.0|323546|False\n77.0|487908|True\n86.0|39426|False\n",
    "an index and fractions": "0,7.0\n1,66.0\n2,12.0\n3,86.0\n",
    "an index, a text and fractions": "0|low yes|64.0\n1|no gamma|47.0\n2|yes no|37.0\n",
    "texts, dates and fractions": "green\t2006-02-01 13:57\t22.0\t54.0\ndog\t1995-07-12 11:37\t80.0\t9.0\n",
    "an empty value in quotes": '""\n5060.66\n-5486.6\n',
    "thousands": "1.234.567;a\n2.345.678;b\n",
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_first_line_of_names_is_the_header(case):
    found = guess(HEADERS[case])
    assert found.header, found.reasons


@pytest.mark.parametrize("case", ROWS)
def test_a_first_line_of_values_is_data(case):
    found = guess(ROWS[case])
    assert not found.header, found.reasons
    assert found.names == tuple(f"f{i}" for i in range(len(found.names)))


@pytest.mark.parametrize("case", [*HEADERS, *ROWS])
@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_line_ends_change_nothing(case, ends):
    text = HEADERS.get(case) or ROWS[case]
    assert guess(text.replace("\n", ends)) == guess(text)


NAME = st.from_regex(r"[A-Za-z][a-z_]{2,10}", fullmatch=True)
VALUES = {
    "fraction": st.integers(-(10**6), 10**6).map(lambda number: f"{number}.5"),
    "repr": st.floats(allow_nan=False, width=32).map(repr),
    "date": st.dates().map(str),
    "time": st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds")),
    "boolean": st.sampled_from(["true", "false", "True", "False"]),
    "whole": st.integers(-1000, 1000).map(str),
    "category": st.sampled_from(["Red", "Blue", "New York"]),
    "text": st.text("abcdef ghij", min_size=1, max_size=30),
}
CLEAR = {"fraction", "repr", "date", "time", "boolean"}
"""Columns whose values are no names: a table is clear where at least half of its columns are such and no name is a
value of its column, or a word for a missing value."""


@st.composite
def tables(draw):
    kinds = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=8))
    assume(2 * sum(kind in CLEAR for kind in kinds) >= len(kinds))
    names = draw(st.lists(NAME, min_size=len(kinds), max_size=len(kinds), unique=True))
    assume(not {name.lower() for name in names} & {"true", "false", "nan", "null", "none", "inf", "infinity"})
    missing = st.sampled_from(["", "NA", "?"])
    count = draw(st.integers(3, 40))
    rows = [[draw(VALUES[kind]) for kind in kinds] for _ in range(count)]
    for row in rows[1:]:
        if draw(st.integers(0, 9)) == 0:
            row[draw(st.integers(0, len(kinds) - 1))] = draw(missing)
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    return names, rows, draw(st.sampled_from(",;\t|")), quoting


@settings(max_examples=300)
@given(tables())
def test_a_typed_table_is_told_with_and_without_its_header(table):
    names, rows, delimiter, quoting = table

    def written(content):
        file = io.StringIO()
        csv.writer(file, delimiter=delimiter, quoting=quoting).writerows(content)
        return file.getvalue()

    found = guess(written([names, *rows]))
    assert (found.header, found.names) == (True, tuple(names)), found
    found = guess(written(rows))
    assert not found.header, found
