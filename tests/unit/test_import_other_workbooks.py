"""Workbooks that are no XLSX: .xls, .ods and .xlsb, their oddities, and what they may cost."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
import zlib

import pytest

from orchestrator.catalogue.source import ReadOptions, Source
from orchestrator.domain.errors import InputRejectedError, NotFoundError
from tests.support.catalogue import Rows, rows_of

CODE = "AAAOM8UXL8EDR3dXoKozql"


def unpacked(text: str) -> bytes:
    return zlib.decompress(base64.b85decode(text))


# Made with xlwt: the table below, and the same with a cell in IV65536.
XLS = unpacked(
    "c-"
    "rk)O=uHA6#izDG(WWIrly5fD4}50+KcuQkh+anbI{gW5Q7vnZT29I*}AO<d(djlQ4l;SUJAW<se17TJ?PDYP|<@R2#Fp&2?`"
    "$CtZ!a+CDk4putjCQWxjdyX5P-r%$u3azFv-"
    "%79Mnz@e2;Xhl&$MLyb;Q3VQ_|RPQ)a^zslTN8z7BI7AcK5Wv%>S3x<4a=y#ZaNqxe82CtO3{x1k3T9#pagcq;3h6^XvA`YD"
    "MA6P(wJ=XGZ)3j4EuS$Du;w~*Kea81Q&={Jdy;MxXS6P^i$cEl5!<|H&0e(PrHtasH$=5<04e)yHve~4bov{y2%5LFSupKvz"
    "JxeU;3B>`3E-=@QlBT3erxptr2oEFA6!R&Q}Y9JaL#am7bzf1zUm@O+t!7t=@sm!sRk!%S;(F<DVwlzCTR-Rj5$s5kZPlpN*"
    "x<Yp2!?c4jvlq%Vn%1*6jIwMDEwTzV$WhyNTnzkvNBDmSY_KI_=;qcfY(D8XqxEvu2L>^y<#PLplowSEL0QN4Z90mR|R;yod"
    "QJzjZsy9n5k15tMh2w7SCKd2Vx!YrCnRKE_*PXN|mz<l^V!k2{N>jNK$JrOUJNrFX^xy67azk-dE8(JOkz?OPI03@;b%F7bi"
    "6{kI(>r0K5jj(fZ{V-"
    "*n=W6af(93Anqq`6}yt;IUlf~|dSd%@On+%9RdB(3+!(^YH1Lms+;n)5XR1qB5K1qB5K1%=IpaR0;ms#grYYREf6(EYBnN~x"
    "kgll-?Bg+<Q{T}%g2pxnmAy5gq|0pYz%Y|zI0UMO*rdbcr&arR@f?)arUo~Zpj8#dJc+!Cs{|4Kc6ZgT%W0Kx*xY5"
)
FAR_XLS = unpacked(
    "c-rk)O=uHA6#izDG(WUyQqw{!lu)p0?L~XZrLIwH4%%7^VvvHS%^svNTQ~909<*9>6a-I-mqIUIs$Tp-4|?+;RP-"
    "PSLZTPJlc3<C&HCnLqlxy=h!&OkmU;8$&3ij<XWpCH-RH~U;=-M-5`MsLxKOtJXsVG3D*kFC1nReK$yRG06<gt-"
    "g5O6A+2p~)mS<kMhH|}2&~V%RgedTq$~dMmVrGr#24XM!kP^~|L81aTND@RRd)3BtlIbR<w^;KL(>*M?%yf`+i{dzz^^v}q6"
    "U9lbhx>w%_r1q9uUWDa?RYAq`1}=7(e)s1ol0f?&W>((GZsPXmN2r0mC6(mp#@yTXFCdfs%GlrsFH82T!7?X>gC=w<X1H}Fb"
    "Df22Y7)3^1Z8)gbB+$JDpp>K2AtkNHd!{ZBR97rVS6Z%)F7Kc!+mUiN_BQ$Brfs#fJ8e4WyIiL38#@hLm!7D>W04`!?r!s4m"
    "Z2IR2Z7rqRlLn6n^6JNe4Zk1vKNM)eacnd7~^asq6TPQ%6pX+g%pn$tm&KDOAw^djGNGxJ?cBNV$-"
    "_l~wZ%z=5<xx~G_G|m9yrM|U>-"
    "$s1l!;$;lg?IXP;+GPo*~ro>eE~gmBBjY*Ui0V|{o?vHi3fVM7S3+*hH2+dJBLpTvHvdE&V#gK6#-_$Oe-xpJK|eQbLL7~i#"
    "4nTTe}>6!Pau#&S|nGt#>)re0GX@Yk8oCX@ck+*4l7a4n(`!cLboIprD|jprD|j@GB7fE(?BBmG7q>=i9*R{MT8fQdYl7{#%"
    "T}q$^J!rbEb5ZDFRN`00R0RPQC$X;b}QC~=HNw=jhX_G7By_@!?<QTsgWHVpl~6l!$*awC5J;qku$qKDM;"
)
HEAD = ("name", "code", "notes")
ROW = ("A", CODE, "12")


def zipped(parts: dict[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def ods(rows: str) -> bytes:
    oasis = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(f'xmlns:{name}="{oasis}:{name}:1.0"' for name in ("office", "table", "text"))
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": f"<office:document-content {spaces}><office:body><office:spreadsheet>"
            f'<table:table table:name="Groups">{rows}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
            "META-INF/manifest.xml": f'<m:manifest xmlns:m="{oasis}:manifest:1.0"/>',
        }
    )


def ods_cell(text: str, repeated: int = 1) -> str:
    return (
        f'<table:table-cell office:value-type="string" table:number-columns-repeated="{repeated}">'
        f"<text:p>{text}</text:p></table:table-cell>"
    )


def ods_row(*texts: str) -> str:
    return f"<table:table-row>{''.join(map(ods_cell, texts))}</table:table-row>"


def ods_blank(rows: int) -> str:
    return f'<table:table-row table:number-rows-repeated="{rows}"><table:table-cell/></table:table-row>'


TABLE = ods_row(*HEAD) + ods_row(*ROW)


def record(kind: int, content: bytes = b"") -> bytes:
    """MS-XLSB 2.1.4: kind and size in groups of seven bits, then the content."""
    assert len(content) < 2**14
    head = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
    return head + bytes([len(content) & 127 | 128, len(content) >> 7]) + content


def wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xlsb(*rows: tuple[str, ...]) -> bytes:
    cells = b"".join(
        record(0, struct.pack("<I", number) + bytes(13))
        + b"".join(record(6, struct.pack("<II", column, 0) + wide(text)) for column, text in enumerate(row))
        for number, row in enumerate(rows)
    )
    size = struct.pack("<IIII", 0, len(rows) - 1, 0, len(rows[0]) - 1)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"

    def related(name: str, target: str) -> str:
        one = f'<Relationship Id="rId1" Type="{kind}/{name}" Target="{target}"/>'
        return f'<Relationships xmlns="{relations}">{one}</Relationships>'

    sheet = record(143) + record(156, struct.pack("<II", 0, 1) + wide("rId1") + wide("Groups")) + record(144)
    return zipped(
        {
            "_rels/.rels": related("officeDocument", "xl/workbook.bin"),
            "xl/_rels/workbook.bin.rels": related("worksheet", "worksheets/sheet1.bin"),
            "xl/workbook.bin": record(131) + sheet + record(132),
            "xl/worksheets/sheet1.bin": record(129)
            + record(148, size)
            + record(145)
            + cells
            + record(146)
            + record(130),
        }
    )


def read(data: bytes, sheet: str | None = None) -> Rows:
    return rows_of(Source("groups", data), ReadOptions(sheet=sheet))


FORMS = {"xls": XLS, "ods": ods(TABLE), "xlsb": xlsb(HEAD, ROW)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sheet", [None, "Groups", "1"])
def test_every_form_of_workbook_is_read(form: str, sheet: str | None) -> None:
    table = read(FORMS[form], sheet)

    assert [(row.number, row.name, row.notes, row.problems) for row in table.rows] == [(2, "A", "12", None)]
    assert table.rows[0].code is not None
    assert table.rows[0].code.reveal() == CODE
    assert table.warnings == []


@pytest.mark.parametrize("form", FORMS)
def test_a_sheet_that_is_not_there_is_named(form: str) -> None:
    with pytest.raises(NotFoundError, match='there is no sheet "Grups"'):
        read(FORMS[form], "Grups")


def test_rows_are_counted_as_the_spreadsheet_counts_them() -> None:
    table = read(ods(ods_blank(3) + ods_row(*HEAD) + ods_blank(900) + ods_row(*ROW)))

    assert [row.number for row in table.rows] == [905]


def test_numbers_dates_and_truth_are_read_as_they_are_shown() -> None:
    values = [
        ('float" office:value="12', "12"),
        ('float" office:value="1.5', "1.5"),
        ('boolean" office:boolean-value="true', "TRUE"),
        ('date" office:date-value="2026-01-05', "2026-01-05"),
        ('date" office:date-value="2026-01-05T10:30:00', "2026-01-05 10:30:00"),
    ]
    rows = "".join(
        f'<table:table-row><table:table-cell office:value-type="{value}"/></table:table-row>'
        for value, _ in values
    )
    table = read(ods(ods_row(*HEAD) + rows))

    assert [row.name for row in table.rows] == [shown for _, shown in values]


def test_a_far_cell_of_an_xls_leaves_the_rows_of_the_table_as_they_are() -> None:
    table = read(FAR_XLS)

    assert [(row.name, row.problems) for row in table.rows] == [("A", None)]
    assert table.warnings == ["row 65536: cell IV65536 is far from the table and was not read"]


def test_a_far_row_of_an_ods_leaves_the_rows_of_the_table_as_they_are() -> None:
    table = read(ods(TABLE + ods_blank(50_000) + ods_row("stray")))

    assert [(row.name, row.problems) for row in table.rows] == [("A", None)]
    assert table.warnings == ["row 50003: cell A50003 is far from the table and was not read"]


def test_a_far_column_leaves_the_rows_of_the_table_as_they_are() -> None:
    gap = '<table:table-row><table:table-cell table:number-columns-repeated="300"/>'
    table = read(ods(TABLE + gap + ods_cell("stray") + "</table:table-row>"))

    assert [(row.name, row.problems) for row in table.rows] == [("A", None)]
    assert table.warnings == ["row 3: cell KO3 is far from the table and was not read"]


@pytest.mark.parametrize("columns", [16_384, 10**9])
def test_a_table_that_asks_for_all_memory_is_refused(columns: int) -> None:
    """1,048,573 rows of 16,384 filled cells, in 600 bytes."""
    filled = (
        f'<table:table-row table:number-rows-repeated="1048573">{ods_cell("x", columns)}</table:table-row>'
    )

    with pytest.raises(InputRejectedError, match="a cell stands very far from its table") as refusal:
        read(ods(TABLE + filled))

    assert refusal.value.hint == "save it as XLSX without a password, or as CSV"


def test_one_text_in_very_many_cells_is_refused() -> None:
    text = "x" * 30_000
    filled = f'<table:table-row table:number-rows-repeated="20">{ods_cell(text, 200)}</table:table-row>'

    with pytest.raises(InputRejectedError, match="more than 64 Mi characters in one sheet"):
        read(ods(TABLE + filled))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_half_a_workbook_is_refused(form: str, cut: float) -> None:
    data = FORMS[form][: int(len(FORMS[form]) * cut)]

    with pytest.raises(InputRejectedError, match="not a workbook that can be read"):
        read(data)


def test_entities_do_not_grow() -> None:
    content = ods(TABLE)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        xml = archive.read("content.xml").decode()
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "x" * 50}">' for n in range(10))
    grown = xml.replace(">A<", ">&e9;<")

    with pytest.raises(InputRejectedError):
        read(zipped({"content.xml": f"<!DOCTYPE x [{bomb}]>{grown}"}))


def test_nothing_is_loaded_from_the_folder_where_one_stands(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("downloads")
    (folder / "python_calamine.py").write_text("raise SystemExit(7)", encoding="utf-8")
    monkeypatch.chdir(folder)

    assert [row.name for row in read(XLS).rows] == ["A"]
