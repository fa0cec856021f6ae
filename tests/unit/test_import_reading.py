from __future__ import annotations

import io
from typing import Any

import pytest
import xlsxwriter

from orchestrator.catalogue.header import columns_of
from orchestrator.catalogue.source import ReadOptions, Source
from orchestrator.domain.errors import InputRejectedError, NotFoundError, UsageError
from tests.support.catalogue import Rows, rows_of

CODES = [f"{letter * 3}OM8UXL8EDR3dXoKozql"[:22] for letter in "ABCDEFGHIJ"]
LINK = "https://chat.whatsapp.com/"


def read(text: str | bytes, **options: Any) -> Rows:
    data = text.encode() if isinstance(text, str) else text
    return rows_of(Source("groups.csv", data), ReadOptions(**options))


def problems(table: Rows) -> list[str]:
    return [problem for row in table.rows for problem in row.problems or ()]


def workbook(*sheets: tuple[str, list[tuple[int, list[Any]]]], hidden: tuple[str, ...] = ()) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, rows in sheets:
            sheet = book.add_worksheet(name)
            for number, cells in rows:
                sheet.write_row(number - 1, 0, cells)
            if name in hidden:
                sheet.hide()
        visible = [sheet for sheet in book.worksheets() if sheet.get_name() not in hidden]
        visible[0].activate()
        visible[0].set_first_sheet()
    return out.getvalue()


def test_every_column_is_read_in_any_order_and_case() -> None:
    table = read(
        "Priority,CODE,name,Labels,jid,Subject,OWNER,instances,notes\n"
        f"5,{LINK}{CODES[0]},Suppliers North,vip; north,120363025246125486@g.us,Suppliers N,"
        '+55 (11) 91234-5678,sales-main|sales-2,"two\nlines"\n'
    )
    row = table.rows[0]

    assert problems(table) == []
    assert row.code is not None
    assert row.code.reveal() == CODES[0]
    assert (row.name, row.subject, row.owner) == ("Suppliers North", "Suppliers N", "5511912345678")
    assert (row.labels, row.instances) == (("north", "vip"), ("sales-2", "sales-main"))
    assert (row.jid, row.priority, row.notes) == ("120363025246125486@g.us", 5, "two\nlines")


def test_empty_cells_say_nothing() -> None:
    row = read(f"name,code,subject,priority,labels\nA,{CODES[0]},, ,\n").rows[0]

    assert (row.subject, row.priority, row.labels, row.problems) == (None, None, None, None)


def test_priority_zero_is_a_value() -> None:
    assert read(f"name,code,priority\nA,{CODES[0]},0\n").rows[0].priority == 0


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter: str) -> None:
    lines = [["name", "code", "notes"], ["A, B; C | D", CODES[0], "x"]]
    text = "\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines)

    assert read(text).rows[0].name == "A, B; C | D"


def test_a_given_delimiter_is_used() -> None:
    assert read(f"name:code\nA:{CODES[0]}\n", delimiter=":").rows[0].name == "A"
    assert read(f"name\tcode\nA\t{CODES[0]}\n", delimiter="tab").rows[0].name == "A"
    with pytest.raises(UsageError, match="one character"):
        read("name,code\n", delimiter="::")


def test_the_line_that_names_the_separator_for_excel_is_no_row() -> None:
    table = read(f"sep=;\r\nname;code\r\nA;{CODES[0]}\r\n")

    assert [(row.number, row.name) for row in table.rows] == [(2, "A")]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-with-mark", "utf-16-be-with-mark"]
)
def test_byte_order_marks_and_utf_8_are_recognised(encoding: str) -> None:
    text = f"name,code\nAção 🚀,{CODES[0]}\n"
    plain = encoding.removesuffix("-with-mark")
    data = ("\ufeff" + text).encode(plain) if plain != encoding else text.encode(encoding)

    assert read(data).rows[0].name == "Ação 🚀"


def test_another_encoding_is_refused_with_the_option_that_helps_and_read_with_it() -> None:
    data = f"name,code\nAção,{CODES[0]}\n".encode("cp1252")
    with pytest.raises(InputRejectedError, match="not UTF-8") as refusal:
        read(data)

    assert "--encoding cp1252" in refusal.value.hint
    assert read(data, encoding="cp1252").rows[0].name == "Ação"
    with pytest.raises(UsageError, match="no encoding"):
        read(data, encoding="cp99999")
    with pytest.raises(InputRejectedError, match="not ascii"):
        read(data, encoding="ascii")


@pytest.mark.parametrize(
    ("encoding", "name"),
    [
        ("cp1252", "Ação Comunitária"),
        ("cp1256", "دعم الشمال"),
        ("cp1251", "Поддержка Север"),
        ("cp1250", "Žižkov čtvrť"),
        ("cp850", "Ação Comunitária"),
        ("mac_roman", "Équipe Montréal"),
        ("gb18030", "北方支持小组"),
        ("cp932", "サポート北"),
    ],
)
def test_the_encoding_hint_shows_what_each_would_read(encoding: str, name: str) -> None:
    data = f"name,code\n{name},{LINK}{CODES[0]}\n".encode(encoding)
    with pytest.raises(InputRejectedError, match="not UTF-8") as refusal:
        read(data)

    assert f'--encoding {encoding} reads "{name}"' in refusal.value.hint
    assert CODES[0] not in refusal.value.hint
    assert read(data, encoding=encoding).rows[0].name == name


def test_the_letters_that_show_the_encoding_may_stand_far_down() -> None:
    data = b"name,code\n" + b"B,\n" * 100_000 + "Ação,\n".encode("cp1252")
    with pytest.raises(InputRejectedError) as refusal:
        read(data)

    assert '--encoding cp1252 reads "Ação"' in refusal.value.hint


def test_one_damaged_line_of_utf_8_leads_into_no_other_encoding() -> None:
    lines = ["name,code", f"Ação,{CODES[0]}", f"Saúde,{CODES[1]}", f"Café,{CODES[2]}"]
    data = "\n".join(lines).encode().replace("ú".encode(), b"\xfa")
    with pytest.raises(InputRejectedError, match="line 3 is not UTF-8, though others are") as refusal:
        read(data)

    assert "--encoding" not in refusal.value.hint


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1", "cp850", "mac_roman", "cp1256"])
def test_utf_8_is_not_read_as_something_else(encoding: str) -> None:
    data = f"name,code\nAção Comunitária,{CODES[0]}\n".encode()
    with pytest.raises(InputRejectedError, match=f"is UTF-8, which {encoding} would spoil") as refusal:
        read(data, encoding=encoding)

    assert refusal.value.hint == "try without --encoding"
    assert read(f"name,code\nA,{CODES[0]}\n", encoding=encoding).rows[0].name == "A"


@pytest.mark.parametrize("name", ["Ação", "North"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_its_mark_is_known_by_its_zeros(name: str, encoding: str) -> None:
    data = f"name,code\n{name},{CODES[0]}\n".encode(encoding)
    with pytest.raises(InputRejectedError) as refusal:
        read(data)

    assert refusal.value.hint.endswith(f"--encoding {encoding}")
    assert read(data, encoding=encoding).rows[0].name == name


def test_a_mark_is_no_part_of_the_header_when_utf_8_is_asked_for() -> None:
    assert read(f"\ufeffname,code\nA,{CODES[0]}\n", encoding="utf-8").rows[0].name == "A"


def test_rows_count_as_in_a_spreadsheet_with_blank_rows_and_line_breaks_in_cells() -> None:
    table = read(
        f'name,code,notes\r\nA,{CODES[0]},"one\r\ntwo\r\nthree"\r\n'
        f"\r\n,,\r\nB,{CODES[1]},\r\n  ,,\r\nC,{CODES[2]},\r\n"
    )

    assert [(row.number, row.name) for row in table.rows] == [(2, "A"), (5, "B"), (7, "C")]


def test_blank_rows_above_the_header_are_passed_over_and_counted() -> None:
    assert [row.number for row in read(f"\n,\nname,code\nA,{CODES[0]}\n").rows] == [4]


def test_a_missing_header_is_an_error_and_never_shows_the_code() -> None:
    with pytest.raises(InputRejectedError, match="the first row is not a header") as refusal:
        read(f"Suppliers,{CODES[0]}\nOthers,{CODES[1]}\n")

    assert "name, code" in refusal.value.hint
    assert CODES[0] not in f"{refusal.value} {refusal.value.hint} {refusal.value.problems}"


def test_a_mapping_that_fits_no_column_is_named_where_nothing_else_fits_either() -> None:
    with pytest.raises(InputRejectedError) as refusal:
        columns_of(["foo", "bar"], {"zzz": "name"})

    assert refusal.value.problems[0] == '--map: there is no column "zzz".'


def test_every_fault_of_the_header_is_said_at_once() -> None:
    with pytest.raises(InputRejectedError) as refusal:
        read("name,phone,colour,lables,labels,Labels\nA,b,c,d,e,f\n")

    leave = "To leave it out: --map"
    assert refusal.value.problems == (
        f'column B: unknown column "phone". If it holds the owner: --map phone=owner. {leave} phone=ignore',
        'column C: unknown column "colour". To leave it out: --map colour=ignore',
        'column D: unknown column "lables". Did you mean labels? To leave it out: --map lables=ignore',
        'column F: "Labels" is the labels, and so is "labels"',
        "there is no column code",
    )
    assert refusal.value.hint == (
        'the columns are "name", "phone", "colour", "lables", "labels", "Labels"; if this is what they hold:'
        " --map phone=ignore --map colour=ignore --map lables=ignore --map Labels=ignore"
    )


@pytest.mark.parametrize(
    "header",
    [
        "Group Name,Invite Link,Group JID",
        "Nome do grupo;Link de convite;JID do grupo",
        "Nombre del grupo\tEnlace de invitación\tID del grupo",
        "Nama Grup,Tautan undangan,ID Grup",
        "اسم المجموعة,رابط الدعوة,معرف المجموعة",
        "समूह का नाम,आमंत्रण लिंक,समूह आईडी",
        "Nom du groupe;Lien d'invitation;ID du groupe",
        "Gruppenname;Einladungs-Link;Gruppen-ID",
        "GROUP_NAME | INVITE-LINK* | group jid (optional)",
        "Nome do Grupo WhatsApp;Link do grupo no WhatsApp;Identificador do grupo",
        "WhatsApp-Gruppe,WhatsApp Gruppenlink,Gruppen-ID",
        "اسم مجموعة الواتساب,رابط مجموعة الواتساب,معرف المجموعة",
        "व्हाट्सएप ग्रुप का नाम,व्हाट्सएप लिंक,समूह आईडी",
    ],
)
def test_the_headers_of_real_exports_are_read(header: str) -> None:
    delimiter = next(sign for sign in ";\t|," if sign in header)
    cells = delimiter.join(["A", LINK + CODES[0], "120363025246125486@g.us"])
    row = read(f"{header}\n{cells}\n").rows[0]

    assert (row.name, row.jid, row.problems) == ("A", "120363025246125486@g.us", None)
    assert row.code is not None


@pytest.mark.parametrize("cell", ["#", "(old)", "*"])
def test_a_header_of_signs_only_is_an_unknown_column_like_any_other(cell: str) -> None:
    table = f"{cell},name,code\n1,A,{CODES[0]}\n"
    with pytest.raises(InputRejectedError) as refusal:
        read(table)

    assert f'column A: unknown column "{cell}".' in refusal.value.problems[0]
    assert read(table, mapping={cell: "ignore"}).rows[0].name == "A"


@pytest.mark.parametrize(("order", "header"), [("A,{}", "name,code"), ("{},A", "code,name")])
def test_the_missing_header_is_given(order: str, header: str) -> None:
    with pytest.raises(InputRejectedError, match="not a header") as refusal:
        read("".join(order.format(LINK + code) + "\n" for code in CODES[:3]))

    assert refusal.value.hint.endswith(f"Here, write this row above it: {header}")


@pytest.mark.parametrize(
    "text", ["<html><table>", "\ufeff<!DOCTYPE html>", '\n<?xml version="1.0"?>', "<table border=1>"]
)
def test_a_web_page_is_no_table_whatever_its_name(text: str) -> None:
    with pytest.raises(InputRejectedError, match="a web page or XML") as refusal:
        read(f"{text}<tr><td>name,code</td></tr>\n")
    assert "save it as CSV UTF-8 or XLSX" in refusal.value.hint


def test_two_words_for_one_field_are_not_chosen_between() -> None:
    with pytest.raises(InputRejectedError) as refusal:
        read(f"name,link,url\nA,{CODES[0]},{CODES[1]}\n")

    assert 'column C: "url" is the code, and so is "link"' in refusal.value.problems


def test_a_fields_own_name_comes_before_a_word_for_it() -> None:
    with pytest.raises(InputRejectedError) as refusal:
        read(f"name,code,link\nA,{CODES[0]},{CODES[1]}\n")

    assert refusal.value.problems == (
        (
            'column C: unknown column "link". If it holds the code: --map link=code.'
            " To leave it out: --map link=ignore"
        ),
    )


def test_the_whole_mapping_is_given_for_a_header_that_is_not_understood() -> None:
    with pytest.raises(InputRejectedError) as refusal:
        read(f"Sala,Onde entrar,Obs 2\nSuporte,{LINK}{CODES[0]},x\nVendas,{LINK}{CODES[1]},\n")

    assert refusal.value.hint.endswith("--map Sala=name --map 'Onde entrar=code' --map 'Obs 2=ignore'")


def test_a_title_above_the_header_is_left_out_and_told() -> None:
    table = read(f"Grupos da empresa 2026,,\n,,\nNome,Link,Notas\nA,{CODES[0]},x\n")

    assert [(row.number, row.name) for row in table.rows] == [(4, "A")]
    assert table.warnings == ["row 1: stands above the header; left out"]


def test_a_row_of_data_above_the_header_is_never_left_out() -> None:
    with pytest.raises(InputRejectedError, match="the first row is not a header: it holds an invite link"):
        read(f"A,{CODES[0]}\nname,code\nB,{CODES[1]}\n")


def test_a_code_in_the_header_is_not_shown_whole() -> None:
    with pytest.raises(InputRejectedError) as refusal:
        read(f"name,{CODES[0]}\nA,{CODES[1]}\n")

    assert CODES[0] not in "".join(refusal.value.problems)


def test_foreign_headers_are_mapped_or_ignored() -> None:
    table = read(
        f"Group title;Invite link;Members\nA;{CODES[0]};12\n",
        mapping={"group title": "name", "INVITE LINK": "code", "Members": "ignore"},
    )

    assert (table.rows[0].name, problems(table)) == ("A", [])


def test_a_mapping_to_a_column_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputRejectedError) as refusal:
        read(f"name,code,Topic line\nA,{CODES[0]},x\n", mapping={"Topic lin": "subject"})

    assert '--map: there is no column "Topic lin". Did you mean Topic line?' in refusal.value.problems


def test_a_column_without_a_name_is_left_out_by_its_letter() -> None:
    text = f",name,code\n0,A,{CODES[0]}\n1,B,{CODES[1]},,beside\n"

    assert [row.problems is None for row in read(text).rows] == [False, False]
    assert problems(read(text, mapping={"a": "ignore"})) == [
        "row 3: there is something in column E, which the header does not name"
    ]
    assert problems(read(text, mapping={"A": "ignore", "E": "ignore"})) == []
    for wrong in ({"B": "ignore"}, {"A": "notes"}):
        with pytest.raises(InputRejectedError, match="the header does not fit"):
            read(text, mapping=wrong)


def test_the_link_behind_a_cell_is_taken() -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Groups")
        sheet.write_row(0, 0, ["Group", "Link"])
        for n in range(1, 7):
            sheet.write(n, 0, f"G{n}")
        sheet.write_url(1, 1, LINK + CODES[1], string="Join")
        sheet.write_formula(2, 1, f'=HYPERLINK("{LINK}{CODES[2]}","Join")', value="Join")
        sheet.write_url(3, 1, LINK + CODES[3])
        sheet.write_url(4, 1, "mailto:someone@example.org", string=LINK + CODES[4])
        sheet.write_url(5, 1, LINK + CODES[5], string=LINK + CODES[6])
        sheet.write_url(6, 0, LINK + CODES[7], string="G6")
        sheet.write(6, 1, CODES[6])
    table = read(out.getvalue())

    codes = [row.code and row.code.reveal() for row in table.rows]
    assert codes == [CODES[1], CODES[2], CODES[3], CODES[4], None, CODES[6]]
    assert [row.name for row in table.rows] == ["G1", "G2", "G3", "G4", "G5", "G6"]
    assert problems(table) == ["row 6: code holds 2 different invite links; keep the one of this group"]


@pytest.mark.parametrize("formula", ['=HYPERLINK(C2,"Join")', "=hyperlink($C$2)"])
def test_the_link_behind_a_cell_may_stand_in_another_of_its_row(formula: str) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet("Groups")
        sheet.write_row(0, 0, ["Group", "Link", "Address"])
        sheet.write_row(1, 0, ["A", "", LINK + CODES[0]])
        sheet.write_formula(1, 1, formula, value="Join")
        sheet.write_row(2, 0, ["B", "", LINK + CODES[1]])
        sheet.write_formula(2, 1, formula, value="Join")
    table = read(out.getvalue(), mapping={"Address": "ignore"})

    assert [row.code and row.code.reveal() for row in table.rows] == [CODES[0], None]
    assert len(problems(table)) == 1


def test_a_formula_in_a_csv_shows_its_link() -> None:
    text = f'name,code\nA,"=HYPERLINK(""{LINK}{CODES[0]}"";""Join"")"\n'

    assert problems(read(text)) == []


def test_a_row_that_is_there_twice_is_told_and_left_out() -> None:
    table = read(f"name,code,notes\nA,{CODES[0]},x\nB,{CODES[1]},\nA ,{LINK}{CODES[0]},x\nA,{CODES[0]},x\n")

    assert [row.number for row in table.rows] == [2, 3]
    assert table.warnings == [
        "row 4: the same as row 2; left out",
        "row 5: the same as row 2; left out",
    ]


def test_two_rows_that_differ_are_no_repeats() -> None:
    table = read(f"name,code,notes\nA,{CODES[0]},x\nA,{CODES[0]},y\n")

    assert "row 3: same code as row 2" in problems(table)


def test_something_beside_the_named_columns_is_refused() -> None:
    table = read(f"name,code,\nA,{CODES[0]},,\nB,{CODES[1]},,surprise\nC,{CODES[2]},here\n")

    assert problems(table) == [
        "row 3: there is something in column D, which the header does not name",
        "row 4: there is something in column C, which the header does not name",
    ]


def test_every_fault_of_every_row_is_said_at_once() -> None:
    table = read(
        "name,code,jid,owner,priority,labels\n"
        f"A,htps://...,,,,\n"
        f"B,{CODES[1]},123,5551,high,\n"
        f"C,{CODES[2]},1.20363E+17,x@lid,1e9,{'a' * 70}\n"
        f"D,{CODES[3]},abc@c.us,55@lid,99999999,\n"
        f"{'n' * 201},{CODES[4]},,,,\n"
    )

    assert problems(table) == [
        'row 2: code is not a chat.whatsapp.com link or a bare code: "htps://..."',
        "row 3: jid has no @g.us at its end",
        'row 3: owner is not a phone number with its country code: "5551"',
        'row 3: priority is not a whole number: "high"',
        "row 4: jid was rounded by the spreadsheet; format the column as text",
        'row 4: owner is not a phone number with its country code: "x@lid"',
        'row 4: priority is not a whole number: "1e9"',
        "row 4: labels has an entry of 70 characters, at most 64",
        'row 5: jid is not a group\'s JID (digits@g.us): "abc@c.us"',
        "row 5: owner is a LID; give the phone number",
        "row 5: priority is beyond 1,000,000",
        "row 6: name is too long: 201 characters, at most 200",
    ]


def test_rows_that_stand_for_the_same_group_are_refused() -> None:
    jids = ["1@g.us", "2@g.us", "3@g.us"]
    table = read(
        "name,code,jid\n"
        f"A,{CODES[0]},{jids[0]}\n"
        f"B,{LINK}{CODES[0]},{jids[1]}\n"
        f"C,{CODES[2]},{jids[0]}\n"
        f"Team,{CODES[3]},\n"
        f"ＴＥＡＭ ,{CODES[4]},{jids[2]}\n"
    )

    assert problems(table) == [
        "row 3: same code as row 2",
        "row 4: same jid as row 2",
        "row 6: same name as row 5; give the jid of both",
    ]


def test_the_same_name_with_two_jids_is_two_groups() -> None:
    assert problems(read(f"name,code,jid\nA,{CODES[0]},1@g.us\nA,{CODES[1]},2@g.us\n")) == []


def test_an_unusual_code_is_a_warning() -> None:
    table = read(f"name,code\nA,{CODES[0]}\nB,{'b_' * 11}\n")

    assert table.warnings == ["row 3: code has an unusual form; used as it is"]


def test_control_characters_do_not_get_in_and_the_rest_is_stored_as_it_was_written() -> None:
    row = read(f'name,code,notes\n"A\u202eB\x1b[31m\u0007 C",{CODES[0]},"x\u2066y\tz"\n').rows[0]

    assert (row.name, row.notes) == ("A\u202eB [31m C", "x\u2066y z")


def test_a_defused_cell_is_taken_back() -> None:
    row = read(f"name,code,notes,owner\n'=1+1,{CODES[0]},'@x,'+5511912345678\n").rows[0]

    assert (row.name, row.notes, row.owner) == ("=1+1", "@x", "5511912345678")


@pytest.mark.parametrize("text", ['name,code\nA,"abc\n', f'name,code\nA,{CODES[0]}\n"B"x,{CODES[1]}\n'])
def test_a_quotation_mark_out_of_place_is_refused(text: str) -> None:
    with pytest.raises(InputRejectedError, match=r"row \d: a quotation mark"):
        read(text)


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(InputRejectedError, match="no rows below the header"):
        read("name,code\n\n")


def test_a_binary_file_is_refused() -> None:
    with pytest.raises(InputRejectedError, match="not a text file"):
        read(b"name,code\n\x00\x01\n")


def test_a_workbook_is_read_with_its_own_row_numbers_and_numbers_as_typed() -> None:
    data = workbook(
        (
            "Groups",
            [(3, ["name", "code", "owner", "priority"]), (6, ["A", LINK + CODES[0], 5511912345678, 5])],
        )
    )
    row = read(data).rows[0]

    assert (row.number, row.owner, row.priority, row.problems) == (6, "5511912345678", 5, None)


def test_a_number_too_long_for_a_spreadsheet_is_noticed() -> None:
    data = workbook(("G", [(1, ["name", "code", "jid"]), (2, ["A", CODES[0], 120363025246125486])]))

    assert problems(read(data)) == ["row 2: jid was rounded by the spreadsheet; format the column as text"]


def test_a_sheet_is_chosen_by_name_or_number_else_the_first_visible() -> None:
    data = workbook(
        *(
            (name, [(1, ["name", "code"]), (2, [name, code])])
            for name, code in zip("XYZ", CODES, strict=False)
        ),
        hidden=("X",),
    )

    assert read(data).rows[0].name == "Y"
    assert read(data, sheet="3").rows[0].name == "Z"
    assert read(data, sheet="X").rows[0].name == "X"
    with pytest.raises(NotFoundError, match="no sheet"):
        read(data, sheet="4")


@pytest.mark.parametrize("data", [b"PK\x03\x04 no archive", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)])
def test_a_broken_workbook_is_refused(data: bytes) -> None:
    with pytest.raises(InputRejectedError, match="not a workbook that can be read"):
        read(data)
