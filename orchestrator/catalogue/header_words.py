"""What spreadsheets call our columns, in the languages of those who keep them.

Only words that can hardly mean anything else: "phone" may be anybody's, "id" may count the rows.
"""

from __future__ import annotations

import re
import unicodedata

from orchestrator.domain.folding import fold

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
