"""Whether a short answer declines the task, or speaks of being a model, in some thirty languages.

Three kinds of phrase count, each a stem that inflections share:

| kind | example |
|---|---|
| SELF | `as an AI`, `un modèle de langage` |
| UNABLE | `I can't`, `no puedo`, `できません` |
| SORRY | `sorry`, `es tut mir leid`, `抱歉` |

An answer refuses where it is short and has SELF, or opens with both UNABLE and SORRY, or opens with
UNABLE followed closely by HELP (what would have been done: assist, provide, translate).
"""

from __future__ import annotations

import re

VERSION = 1

LONGEST = 600  # characters; a longer answer did the work, whatever it says besides
OPENING = 240  # characters in which a refusal begins to decline
NEAR = 60  # characters from "cannot" to "help"

_SELF = (
    r"\bas an? (?:ai|artificial|language model|virtual)|\bi(?: a|['’])m (?:just "
    r"|only )?an? (?:ai|artificial|(?:large )?"
    r"language model|virtual assistant)|\bi am (?:just |only )?an? (?:ai\b|artificial|language)",
    r"\bals (?:ein |eine )?(?:ki\b|ki-|künstliche|sprachmodell)|\bich bin (?:nur )?(?:ein"
    r"|eine) (?:ki\b|ki-|sprachmodell|künstliche)",
    r"(?:en tant qu(?:e |['’])|suis une? |comme )(?:une? )?(?:ia\b|intelligence artificielle"
    r"|modèle (?:de langage|linguistique)|assistant virtuel)",
    r"(?:como|soy|sou|sono|come|in quanto)\b.{0,12}?(?:\b(?:una? |uma? |un['’])?(?:ia\b"
    r"|inteligencia artificial|inteligência artificial"
    r"|intelligenza artificiale|mode?ll?o (?:de lenguaje|de linguagem|linguistico|lingüístico"
    r"|di linguaggio)))",
    r"как (?:ии\b|искусственн|языков|нейросет)|я (?:всего лишь |только |—|-|лишь )?\s?(?:ии\b"
    r"|искусственн\w+ интеллект|языковая модель)",
    r"як (?:ші\b|штучн|мовн)|я (?:лише |—|-)?\s?(?:ші\b|мовна модель|штучний інтелект)",
    r"作为(?:一[个名款种])?(?:ai|人工智能|语言模型|大型语言模型|大语言模型)|我(?:只|仅仅)?是(?:一[个名款种])?(?:ai|人工智能|大?型?语言模型)",
    r"作為(?:一[個名款種])?(?:ai|人工智慧|語言模型|大型語言模型)|我(?:只|僅僅)?是(?:一[個名款種])?(?:ai|人工智慧|大?型?語言模型)",
    r"(?:私は|として|は).{0,6}(?:ai(?:アシスタント|言語モデル|です|なので|であり)|言語モデル(?:です|なので|であり|として))|ai(?:アシスタント"
    r"|言語モデル)?として"
    r"|(?:大規模)?言語モデルとして",
    r"(?:저는|나는|로서).{0,12}(?:ai|인공지능|언어 모델)|(?:ai|인공지능|언어 모델)(?:로서| 모델로서|이기 때문)",
    r"ในฐานะ.{0,10}(?:ai|เอไอ|ปัญญาประดิษฐ์|โมเดลภาษา|แบบจำลองภาษา)|(?:ฉัน|ผม"
    r"|ดิฉัน)เป็น(?:เพียง)?.{0,10}(?:ai|เอไอ|ปัญญาประดิษฐ์|โมเดลภาษา)",
    r"(?:بصفتي|باعتباري|كوني|أنا(?: مجرد)?|كنموذج).{0,12}(?:ذكاء|نموذج|لغ|اصطناعي|الذكاء)"
    r"|كنموذج لغ",
    r"(?:به عنوان|من(?: فقط)? یک).{0,10}(?:هوش مصنوعی|مدل زبان)",
    r"(?:एक|मैं).{0,12}(?:एआई|ai\b|कृत्रिम बुद्धि|भाषा मॉडल).{0,20}(?:हूँ|हूं|रूप में|नाते|होने)",
    r"(?:আমি|একটি|একজন).{0,12}(?:এআই|ai\b|কৃত্রিম বুদ্ধি|ভাষা মডেল|ভাষার মডেল)",
    r"bir (?:yapay zek|dil model|ai\b)\w*.{0,12}(?:olarak|modeliyim|asistan)|ben bir (?:yapay"
    r"|dil model)",
    r"(?:là|với tư cách là) (?:một )?(?:ai\b|trí tuệ nhân tạo|mô hình ngôn ngữ|trợ lý ảo)",
    r"(?:sebagai|saya(?: hanya(?:lah)?| adalah)?) (?:sebuah |seorang |model )?(?:ai\b"
    r"|kecerdasan buatan|model bahasa|asisten)",
    r"(?:jako|jestem|jsem) (?:tylko |jen |pouze )?(?:ai\b|sztuczn|model(?:em)? językow"
    r"|jazykov\w+ model|uměl)",
    r"(?:als|ik ben)(?: een| maar een)? (?:ai\b|ai-|taalmodel|kunstmatige)",
    r"(?:som|jag är|jeg er)(?: en| bara en| bare en| et)? (?:ai\b|ai-|språkmodell?|sprogmodel"
    r"|artificiell|kunstig)",
    r"(?:tekoäly(?:nä|avustaja|malli)|kielimallina|olen (?:vain )?(?:tekoäly|kielimalli))",
    r"(?:ως|είμαι)(?: ένα| μια| απλώς ένα)? (?:τεχνητή|γλωσσικό μοντέλο|μοντέλο"
    r"|μοντέλο τεχνητής|ai\b)",
    r"(?:כ|אני )(?:רק )?(?:מודל שפה|בינה מלאכותית|ai\b)",
    r"როგორც (?:ხელოვნური|ენობრივი|ai)|მე ვარ (?:ხელოვნური|ენობრივი)",
    r"(?:እንደ|እኔ).{0,12}(?:ሰው ሠራሽ|ሰው ሰራሽ|አርቴፊሻል|የቋንቋ ሞዴል|ኤአይ)",
    r"(?:kama|mimi ni)(?: mfumo wa)? (?:ai\b|akili|modeli ya lugha|muundo wa lugha)",
    r"(?:நான்|ஒரு).{0,12}(?:செயற்கை நுண்ணறிவு|மொழி மாதிரி|ai\b).{0,12}",
    r"(?:ai|ဉာဏ်ရည်တု|ဘာသာစကား ?မော်ဒယ်).{0,20}(?:အနေ|ဖြစ်)",
    r"(?:ca|sunt)(?: un| doar un)? (?:model (?:de limb|lingvistic)|ai\b|ia\b|inteligen)|(?:egy "
    r"|mint )(?:ai\b|mesterséges intelligencia|nyelvi modell)",
)
_UNABLE = (
    r"\bi(?: a|['’])?m (?:not able|unable)|\bi am (?:not able|unable)|\bi (?:can(?:not|['’]?t"
    r"| not)|won['’]t|will not|must decline"
    r"|have to decline|do(?: not|n['’]t) feel comfortable|could not|couldn['’]t)|\bunable to\b"
    r"|not able to\b",
    r"\b(?:kann|darf|werde|möchte) (?:ich )?.{0,40}?\bnicht\b|\bnicht in der lage\b"
    r"|\bnicht möglich\b|kann .{0,30}\bkein",
    r"\bne (?:peux|suis|puis)\b.{0,25}?(?:pas|capable|mesure)|\bimpossible\b|\bpeux pas\b",
    r"\bno (?:puedo|me es posible|soy capaz|estoy en condiciones)|\bnão (?:posso|consigo"
    r"|me é possível|sou capaz)|\bnon (?:posso|sono in grado|mi è possibile|riesco)",
    r"\bне (?:могу|можу|в состоянии|смогу|зможу|маю змоги|в змозі)",
    r"无法|不能|無法|不便|没办法|沒辦法|拒绝|拒絕",
    r"でき(?:ません|かねます|ない)|いたしかねます|お応えできません|控えさせて",
    r"수 없|못합니다|어렵습니다|불가능",
    r"ไม่สามารถ|ไม่ได้รับอนุญาต|ทำไม่ได้|ขอปฏิเสธ",
    r"لا (?:أستطيع|استطيع|يمكنني|أقدر)|غير قادر|لست قادر|لن أتمكن|يتعذر علي|أعتذر عن",
    r"نمی[\u200c ]?(?:توانم|تونم)|قادر به .{0,30}نیستم|قادر نیستم|امکان.{0,20}ندارم",
    r"नहीं (?:कर|दे|बता|लिख|सक)|असमर्थ|सक्षम नहीं",
    r"পারছি না|পারব না|পারি না|পারবো না|অক্ষম|সম্ভব নয়",
    r"(?:ama|eme)(?:m|yacağım|yeceğim|ıyorum|iyorum)\b|\w+(?:am|em)ıyorum|\w+emiyorum"
    r"|\w+amıyorum|mümkün değil",
    r"không thể|chưa thể|không được phép",
    r"tidak (?:bisa|dapat|mampu)|tak (?:bisa|dapat|boleh)",
    r"nie (?:mogę|jestem w stanie|potrafię)|nemohu|nejsem schop",
    r"\bkan (?:ik |jeg |jag )?.{0,30}?(?:niet|inte|ikke|geen)\b|niet in staat",
    r"\ben (?:voi|pysty|kykene)\b|δεν (?:μπορώ|είμαι σε θέση|δύναμαι)",
    r"(?:לא|איני|אינני) (?:יכול|מסוגל)|אין באפשרותי",
    r"(?:არ|ვერ) (?:შემიძლია|შევძლებ|დაგ|გავ)|ვერ ",
    r"አልችልም|አልተቻለኝም|አይቻልም",
    r"\b(?:siwezi|sitaweza|siruhusiwi|sina uwezo)\b",
    r"முடியாது|முடியவில்லை|இயலாது|இயலவில்லை",
    r"မ\S{0,20}နိုင်ပါ|မ\S{0,20}နိုင်",
    r"nu (?:pot|sunt în măsură)|nem (?:tudok|tudom|áll módomban)",
)
_SORRY = (
    r"\b(?:i['’]m|i am|we are)?\s?(?:so |very |really )?sorry\b|\bapologi[sz]e|\bapologies\b"
    r"|\bunfortunately\b|\bregret",
    r"tut mir leid|entschuldig|leider|bedau[e]?re|verzeihung|désolée?|pardon|malheureusement"
    r"|regrette|excuse",
    r"lo siento|lamento|perdón|disculp|lamentablemente|desculp|sinto muito|infelizmente"
    r"|mi dispiace|spiacente|scusa|purtroppo",
    r"извин|прост(?:ите|и)|сожале|вибач|перепрош|на жаль|шкода",
    r"抱歉|对不起|對不起|很遗憾|遗憾|遺憾|不好意思|申し訳|すみません|恐れ入ります|残念|죄송|미안|유감|아쉽",
    r"ขอโทษ|ขออภัย|เสียใจ|عذر|آسف|اسف|أعتذر|للأسف|متأسف|متاسف|معذرت|ببخشید|क्षमा|माफ़|माफ|खेद"
    r"|दुख|দুঃখিত|ক্ষমা|মাফ",
    r"üzgün|özür|maalesef|ne yazık|xin lỗi|rất tiếc|đáng tiếc|\bmaaf|menyesal|sayangnya"
    r"|przepraszam|przykro|niestety|omlouv|bohužel|lituji",
    r"\bsorry\b|het spijt|helaas|tyvärr|ledsen|beklager|dessverre|desværre|undskyld|pahoillani"
    r"|valitettavasti|anteeksi",
    r"λυπάμαι|συγγνώμη|δυστυχώς|מצטער|סליחה|לצערי|ბოდიში|სამწუხაროდ|ვწუხვარ|ይቅርታ|አዝናለሁ|samahani"
    r"|pole|kwa bahati mbaya|naomba radhi",
    r"மன்னிக்க|வருந்து|வருத்த|တောင်းပန်|ဝမ်းနည်း|din păcate|îmi pare rău|sajnálom|sajnos|elnézést",
)
_HELP = (
    r"help|assist|fulfil|provid|request|comply|process|translat|answer|continu|hilf|helfen"
    r"|anfrage|weiter|bearbeit|aider|demande|répondre|"
    r"ayudar|solicitud|ajudar|pedido|aiutar|richiest|помо|запрос|запит|帮助|協助|协助|幫助|回答|处理|處理|请求"
    r"|請求|提供|お手伝い|対応|リクエスト|ご要望|도와|도움|요청|"
    r"ช่วย|คำขอ|مساعد|طلب|کمک|درخواست|मदद|सहायता|अनुरोध|সাহায্য|অনুরোধ|yardım|isteğ|giúp"
    r"|yêu cầu|hỗ trợ|bantu|permintaan|pom(?:óc|oci)|"
    r"hjälpa|hjelpe|helpen|verzoek|auttaa|pyyntö|βοηθήσ|αίτημα|לעזור|בקשה|დახმარ|მოთხოვნ|ማገዝ"
    r"|መርዳት|kusaidia|ombi|உதவ|ကူညီ|ajuta|segíten"
)
SELF = re.compile("|".join(_SELF), re.IGNORECASE)
UNABLE = re.compile("|".join(_UNABLE), re.IGNORECASE)
SORRY = re.compile("|".join(_SORRY), re.IGNORECASE)
HELP = re.compile(_HELP, re.IGNORECASE)


def refusing(answer: str) -> str | None:
    """The words by which a short answer declines; None where it does not."""
    text = answer.strip()
    if len(text) > LONGEST:
        return None
    about_itself = SELF.search(text)
    if about_itself:
        return about_itself[0]
    opening = text[:OPENING]
    unable = UNABLE.search(opening)
    if unable is None:
        return None
    if SORRY.search(opening):
        return unable[0]
    around = text[max(0, unable.start() - NEAR) : unable.end() + NEAR]
    return unable[0] if HELP.search(around) and _first_person(text) else None


def _first_person(text: str) -> bool:
    """Nothing precedes the refusal but a few words: it is what the answer says, not what it cites."""
    unable = UNABLE.search(text)
    return unable is not None and unable.start() <= NEAR
