"""The header: which column holds what, and the words that spreadsheets have for each, in several languages.

A header that is not recognised is an error, never data.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence

from orchestrator.catalogue.sheets import letter, place_of
from orchestrator.domain.errors import InputRejectedError, UsageError
from orchestrator.domain.folding import fold
from orchestrator.domain.group_fields import may_hold_code, quoted
from orchestrator.domain.invites import InvalidInviteError, parse_invite
from orchestrator.domain.suggestions import did_you_mean

_WORDS = {
    "name": """
        name, names, group, groups, group name, group names, groupname, title, group title, chat name, room,
        room name, name of group, name of the group;
        nome, nomes, nome do grupo, nome grupo, nome de grupo, nome dos grupos, grupo, grupos, titulo;
        nombre, nombres, nombre del grupo, nombre grupo, nombre de grupo, nombre de los grupos;
        nama, nama grup, nama group, grup, judul;
        الاسم, اسم, اسم المجموعة, اسم مجموعة, المجموعة, مجموعة, المجموعات,
        اسم الجروب, اسم القروب, اسم الكروب, العنوان;
        नाम, समूह का नाम, समूह नाम, ग्रुप का नाम, ग्रुप नाम, समूह, ग्रुप, शीर्षक;
        nom, noms, nom du groupe, nom groupe, nom de groupe, groupe, groupes, titre, intitule;
        gruppenname, gruppe, gruppen, name der gruppe, titel
    """,
    "code": """
        code, link, links, url, invite, invite code, invite link, invite links, invite url, invitation,
        invitation link, invitation code, invitation url, group link, group url, group invite,
        group invite link, group code, join link, link to join, link to group, link to the group;
        codigo, convite, convites, link de convite, link do convite, link convite, codigo de convite,
        codigo do convite, link do grupo, link de acesso, link para entrar, url do grupo;
        enlace, enlaces, liga, vinculo, invitacion, enlace de invitacion, enlace del grupo, enlace de grupo,
        link de invitacion, liga de invitacion, vinculo de invitacion, link del grupo, liga del grupo,
        codigo de invitacion, url del grupo;
        tautan, undangan, kode, tautan undangan, link undangan, kode undangan, link grup, tautan grup,
        link group;
        الرابط, رابط, رابط الدعوة, رابط دعوة, رابط المجموعة, رابط مجموعة, رابط دعوة المجموعة, رابط الجروب,
        رابط القروب, رابط الانضمام, لينك, اللينك, الدعوة, رمز الدعوة, كود الدعوة, الرمز;
        लिंक, आमंत्रण लिंक, निमंत्रण लिंक, इनवाइट लिंक, आमंत्रण, निमंत्रण, ग्रुप लिंक, ग्रुप का लिंक, समूह लिंक,
        समूह का लिंक, समूह आमंत्रण लिंक, ग्रुप आमंत्रण लिंक, कोड, आमंत्रण कोड, निमंत्रण कोड;
        lien, liens, lien d'invitation, lien d’invitation, lien invitation, lien du groupe, lien groupe,
        lien de groupe, code d'invitation, code d’invitation, url d'invitation, url du groupe;
        einladung, einladungslink, einladungs link, einladungscode, gruppenlink, gruppen link,
        link zur gruppe, beitrittslink
    """,
    "jid": """
        jid, group jid, group id, groupid, groupjid, chat id, chatid, chat jid, whatsapp id,
        whatsapp group id;
        id do grupo, jid do grupo, identificador do grupo;
        id del grupo, jid del grupo, identificador del grupo; id grup, jid grup; معرف المجموعة, معرف الجروب;
        समूह आईडी, ग्रुप आईडी, समूह की आईडी; id du groupe, jid du groupe, identifiant du groupe;
        gruppen id, gruppenid, gruppen jid, gruppenjid, gruppenkennung
    """,
    "subject": """
        subject, group subject; assunto, assunto do grupo; asunto, asunto del grupo; subjek, subjek grup;
        الموضوع, موضوع المجموعة; विषय, समूह का विषय; sujet, objet, sujet du groupe; betreff
    """,
    "owner": """
        owner, group owner, owner number, owner phone, owner phone number, owner's phone, phone of owner;
        dono, proprietario, dono do grupo, proprietario do grupo, numero do dono, numero do proprietario,
        telefone do dono, telefone do proprietario, celular do dono, celular do proprietario;
        propietario, dueno, propietario del grupo, dueno del grupo, numero del propietario,
        numero del dueno, telefono del dueno, telefono del propietario, celular del dueno;
        pemilik, pemilik grup, nomor pemilik, telepon pemilik, no hp pemilik;
        المالك, مالك المجموعة, صاحب المجموعة, رقم المالك, هاتف المالك, رقم هاتف المالك;
        मालिक, स्वामी, समूह का मालिक, ग्रुप का मालिक, मालिक का नंबर, मालिक का फोन;
        proprietaire, proprietaire du groupe, numero du proprietaire, telephone du proprietaire;
        besitzer, eigentumer, inhaber, gruppenbesitzer, besitzer der gruppe, telefon des besitzers
    """,
    "instances": """
        instances, instance, account, accounts; instancia, instancias, conta, contas; cuenta, cuentas;
        akun; الحساب, الحسابات; खाता, खाते; compte, comptes; instanz, instanzen, konto, konten
    """,
    "labels": """
        labels, label, tag, tags; etiqueta, etiquetas, rotulo, rotulos, marcadores; penanda, label grup;
        الوسوم, وسوم, الوسم;
        लेबल, टैग; etiquette, etiquettes, libelle, libelles; etikett, etiketten,
        schlagwort, schlagworte, schlagworter
    """,
    "priority": """
        priority, prio; prioridade; prioridad; prioritas; الاولوية, اولوية; प्राथमिकता; priorite; prioritat
    """,
    "notes": """
        notes, note, comment, comments, remark, remarks; nota, notas, obs, observacao, observacoes,
        comentario, comentarios; observacion, observaciones; catatan, keterangan; ملاحظات, الملاحظات, ملاحظة;
        नोट, नोट्स, टिप्पणी, टिप्पणियाँ; remarque, remarques, commentaire, commentaires;
        notiz, notizen, bemerkung, bemerkungen, anmerkung, anmerkungen, kommentar, kommentare
    """,
}
# Marks over Latin letters, Arabic vowel signs and hamzas, which people leave out. Indic vowels are letters.
_MARKS = re.compile("[\u0300-\u036f\u064b-\u0655]")
_SEPARATORS = re.compile(r"[\s_\-./]+")
_ADDED = re.compile(r"\([^()]*\)|[*:?#]")


def normal(cell: str) -> str:
    """The form in which headers are compared: no case, accents, additions in brackets; one kind of blank.

    What consists of such additions only stays as it is: nothing that stands there goes unseen.
    """
    plain = _MARKS.sub("", unicodedata.normalize("NFD", fold(_ADDED.sub(" ", cell))))
    return _SEPARATORS.sub(" ", unicodedata.normalize("NFC", plain)).strip() or cell.strip()


_FIELD_OF = {
    normal(word): field
    for field, words in _WORDS.items()
    for word in re.split(r"[,;]", words)
    if word.strip()
}
_WHATSAPP = "|".join(
    map(normal, ("WhatsApp", "Whats App", "WA", "واتساب", "الواتساب", "व्हाट्सएप", "व्हाट्सऐप", "व्हाट्सप्प"))
)
_OF_WHATSAPP = re.compile(
    rf"(?:(?<![^ ])(?:of|on|de|do|no|del|du|von|auf|di) )?(?<![^ ])(?:{_WHATSAPP})(?![^ ])"
)


def field_of(name: str) -> str | None:
    """The field that a header's normal form means, whether or not it says that it is about WhatsApp."""
    return _FIELD_OF.get(name) or _FIELD_OF.get(" ".join(_OF_WHATSAPP.sub(" ", name).split()))


REQUIRED = ("name", "code")
FIELDS = (*REQUIRED, "jid", "subject", "owner", "instances", "labels", "priority", "notes")
IGNORE = "ignore"
REASON = "Why it was not imported"  # a column of ours, in the file of rejected rows; no field
_LIKELY = {"topic": "subject", "phone": "owner", "admin": "owner", "id": "jid", "rank": "priority"}
_HINT = (
    "the first row names the columns: name, code, and perhaps"
    " jid, subject, owner, instances, labels, priority, notes"
)
_OURS = {**{field: field for field in FIELDS}, normal(REASON): IGNORE}
_LETTERS = re.compile(r"[A-Za-z]{1,3}")
_SAMPLE = 20  # rows that show what a column holds


def parse_mapping(pairs: Iterable[str]) -> dict[str, str]:
    """`["Group title=name"]` as a mapping from columns to fields. Raise UsageError for an unknown field."""
    mapping = {}
    for pair in pairs:
        column, equals, field = pair.rpartition("=")
        field = field.strip().casefold()
        if not equals or not column.strip():
            raise UsageError(f"--map takes column=field, not {quoted(pair)}")
        if field not in {*FIELDS, IGNORE}:
            near = did_you_mean(field, FIELDS) or f" Fields: {', '.join(FIELDS)}, {IGNORE}."
            raise UsageError(f"--map: there is no field {quoted(field)}.{near}")
        mapping[column.strip()] = field
    return mapping


def recognised(cells: Iterable[str], mapping: Mapping[str, str]) -> int:
    """How many of these cells name a column."""
    return sum(field is not None for field in _fields(cells, mapping))


def has_required(cells: Sequence[str], mapping: Mapping[str, str]) -> bool:
    """Whether these cells name at least the columns that every table needs."""
    return set(REQUIRED) <= set(_fields(cells, mapping))


def ignored_places(header: Sequence[str], mapping: Mapping[str, str]) -> frozenset[int]:
    """The columns without a name that are left out; they are called by their letters: `--map A=ignore`."""
    return frozenset(
        place
        for column, field in mapping.items()
        if field == IGNORE and (place := _unnamed_place(header, column)) is not None
    )


def _unnamed_place(header: Sequence[str], column: str) -> int | None:
    """The place (from 0) of the column with this letter, if the header does not name it."""
    if not _LETTERS.fullmatch(column):
        return None
    place = place_of(column.upper())
    return None if place < len(header) and header[place].strip() else place


def is_reason(cell: str) -> bool:
    """Whether a column holds what an earlier import said of its rows."""
    return normal(cell) == normal(REASON)


def holds_invite(cells: Iterable[str]) -> bool:
    """Whether one of these cells is an invite link or code: the row is data, not a header or a title."""
    return any(_is_invite(cell) for cell in cells)


def columns_of(
    header: Sequence[str], mapping: Mapping[str, str], sample: Sequence[Sequence[str]] = ()
) -> dict[int, str]:
    """Column number (from 0) to field, without ignored ones. Raise InputRejectedError with all problems.

    `sample`: some rows below the header, from which the columns that it does not name are guessed at.
    """
    if holds_invite(header):  # no word of this row is repeated: it may be a code
        problems = [f"--map: there is no column {quoted(column)}." for column in mapping]
        sentence = "the first row is not a header: it holds an invite link"
        raise InputRejectedError(sentence, problems=tuple(problems), hint=_missing_header(header, sample))
    found: dict[int, str] = {}
    problems = _unused(header, mapping)
    for number, (cell, field) in enumerate(zip(header, _fields(header, mapping), strict=True)):
        if field == IGNORE or not normal(cell):
            continue
        if field is None:
            problems.append(_unknown(number, cell))
        elif field in found.values():
            other = header[next(place for place, known in found.items() if known == field)]
            problems.append(
                f"column {letter(number)}: {quoted(cell)} is the {field}, and so is {quoted(other)}"
            )
        else:
            found[number] = field
    problems += [f"there is no column {field}" for field in REQUIRED if field not in found.values()]
    if problems:
        seen = ", ".join(quoted(cell) for cell in header if normal(cell))
        hint = f"the columns are {seen}; if this is what they hold: {_whole_mapping(header, mapping, sample)}"
        raise InputRejectedError("the header does not fit", problems=tuple(problems), hint=hint)
    return found


def _missing_header(first: Sequence[str], sample: Sequence[Sequence[str]]) -> str:
    """The row to write above the first one, where it can be told from what stands there."""
    rows, places = [first, *sample], range(len(first))
    code = _column_that(_is_invite, places, rows)
    name = _column_that(_is_words, [place for place in places if place != code], rows)
    if code is None or name is None or len(first) > len(REQUIRED):
        return _HINT
    header = ",".join("code" if place == code else "name" for place in places)
    return f"{_HINT}. Here, write this row above it: {header}"


def _fields(header: Iterable[str], mapping: Mapping[str, str]) -> list[str | None]:
    """What each cell names: as `--map` says, else a field's own name, else a word for it."""
    given = {normal(column): field for column, field in mapping.items()}
    cells = [normal(cell) for cell in header]
    taken = {given[cell] for cell in cells if cell in given} | {cell for cell in cells if cell in FIELDS}
    found: list[str | None] = []
    for cell in cells:
        field = given.get(cell) or _OURS.get(cell) or field_of(cell)
        by_word = cell not in given and cell not in _OURS
        found.append(None if by_word and field in taken else field)
    return found


def _whole_mapping(header: Sequence[str], mapping: Mapping[str, str], sample: Sequence[Sequence[str]]) -> str:
    """The options to type, for every column that is not called as we call it."""
    fields: dict[int, str] = {}
    for number, field in enumerate(_fields(header, mapping)):
        if field is not None and field not in fields.values():
            fields[number] = field
    rest = [number for number, cell in enumerate(header) if normal(cell) and number not in fields]
    for field, fits in (("code", _is_invite), ("name", _is_words)):
        if field not in fields.values() and (best := _column_that(fits, rest, sample)) is not None:
            fields[best] = field
            rest.remove(best)
    return " ".join(
        _option(cell, fields.get(number, IGNORE))
        for number, cell in enumerate(header)
        if normal(cell) and _OURS.get(normal(cell)) != fields.get(number, IGNORE)
    )


def _option(cell: str, field: str) -> str:
    column = "COLUMN" if may_hold_code(cell) else " ".join(cell.split())
    return f"--map {shlex.quote(f'{column}={field}')}"


def _column_that(
    fits: Callable[[str], bool], columns: Sequence[int], sample: Sequence[Sequence[str]]
) -> int | None:
    """The first column in which most cells fit."""
    for number in columns:
        cells = [row[number] for row in sample[:_SAMPLE] if number < len(row) and row[number].strip()]
        if cells and 2 * sum(map(fits, cells)) > len(cells):
            return number
    return None


def _is_invite(cell: str) -> bool:
    try:
        parse_invite(cell)
    except InvalidInviteError:
        return False
    return True


def _is_words(cell: str) -> bool:
    return any(character.isalpha() for character in cell) and not _is_invite(cell)


def _unknown(number: int, cell: str) -> str:
    name = normal(cell)
    likely = field_of(name) or _LIKELY.get(name)
    near = f" If it holds the {likely}: {_option(cell, likely)}." if likely else did_you_mean(name, FIELDS)
    leave = f" To leave it out: {_option(cell, IGNORE)}"
    return f"column {letter(number)}: unknown column {quoted(cell)}.{near}{leave}"


def _unused(header: Sequence[str], mapping: Mapping[str, str]) -> list[str]:
    there = {normal(cell): cell for cell in header}
    return [
        f"--map: there is no column {quoted(column)}.{did_you_mean(column, there.values())}"
        for column, field in mapping.items()
        if normal(column) not in there and (field != IGNORE or _unnamed_place(header, column) is None)
    ]
