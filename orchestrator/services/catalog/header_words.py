"""What spreadsheets call our columns, in the languages of those who keep them.

Only words that can hardly mean anything else: "phone" may be anybody's, "id" may count the rows.
"""

from __future__ import annotations

import re
import unicodedata

from orchestrator.domain.folding import fold

_WORDS = {
    "name": """
        name, group, group name, groupname, title, group title, chat name, room, room name, name of group,
        name of the group, whatsapp group, whatsapp group name;
        nome, nome do grupo, nome grupo, nome de grupo, grupo, titulo, nome do grupo do whatsapp,
        nome do grupo de whatsapp, grupo do whatsapp, grupo de whatsapp;
        nombre, nombre del grupo, nombre grupo, nombre de grupo, nombre del grupo de whatsapp;
        nama, nama grup, nama group, nama grup whatsapp, nama grup wa, grup, judul;
        الاسم, اسم, اسم المجموعة, المجموعة, مجموعة, اسم الجروب, اسم القروب, اسم الكروب, العنوان;
        नाम, समूह का नाम, समूह नाम, ग्रुप का नाम, ग्रुप नाम, समूह, ग्रुप, शीर्षक;
        nom, nom du groupe, nom groupe, nom de groupe, groupe, titre, nom du groupe whatsapp;
        gruppenname, gruppe, name der gruppe, titel, whatsapp gruppe
    """,
    "code": """
        code, link, url, invite, invite code, invite link, invite url, invitation, invitation link,
        invitation code, invitation url, group link, group url, group invite, group invite link, group code,
        join link, link to join, whatsapp link, whatsapp group link, whatsapp invite link, whatsapp url;
        codigo, convite, link de convite, link do convite, link convite, codigo de convite,
        codigo do convite, link do grupo, link de acesso, link do whatsapp, link whatsapp, url do grupo;
        enlace, liga, vinculo, invitacion, enlace de invitacion, enlace del grupo, enlace de grupo,
        enlace de whatsapp, link de invitacion, link del grupo, codigo de invitacion, url del grupo;
        tautan, undangan, kode, tautan undangan, link undangan, kode undangan, link grup, tautan grup,
        link group, link wa, link whatsapp, link grup wa;
        الرابط, رابط, رابط الدعوة, رابط دعوة, رابط المجموعة, رابط مجموعة, رابط الجروب, رابط القروب,
        رابط الانضمام, رابط الواتساب, الدعوة, رمز الدعوة, كود الدعوة, الرمز;
        लिंक, आमंत्रण लिंक, निमंत्रण लिंक, इनवाइट लिंक, आमंत्रण, निमंत्रण, ग्रुप लिंक, ग्रुप का लिंक, समूह लिंक,
        समूह का लिंक, कोड, आमंत्रण कोड, निमंत्रण कोड;
        lien, lien d'invitation, lien d’invitation, lien invitation, lien du groupe, lien groupe,
        code d'invitation, code d’invitation, lien whatsapp, url du groupe;
        einladung, einladungslink, einladungs link, einladungscode, gruppenlink, gruppen link,
        link zur gruppe, whatsapp link
    """,
    "jid": """
        jid, group jid, group id, groupid, groupjid, chat id, chatid, chat jid, whatsapp id,
        whatsapp group id;
        id do grupo, jid do grupo; id del grupo, jid del grupo; id grup, jid grup; معرف المجموعة, معرف الجروب;
        समूह आईडी, ग्रुप आईडी, समूह की आईडी; id du groupe, jid du groupe, identifiant du groupe;
        gruppen id, gruppenid, gruppen jid, gruppenjid
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
        labels, label, tag, tags; etiqueta, etiquetas, rotulo, rotulos; penanda; الوسوم, وسوم, الوسم;
        लेबल, टैग; etiquette, etiquettes, libelle, libelles; etikett, etiketten, schlagwort, schlagworter
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


FIELD_OF = {
    normal(word): field
    for field, words in _WORDS.items()
    for word in re.split(r"[,;]", words)
    if word.strip()
}
"""Normal header to field."""
