"""How assistants refuse, as patterns over the lower-cased start of an answer, by language.

A bank that "cannot process your transfer" and a customer who "cannot open my account" refuse
nothing: so either what is not done is the request itself, or the speaker names itself an AI.
"""

from __future__ import annotations

# --- English ------------------------------------------------------------------------------

_CANNOT = (
    r"i(?: am|'m)? (?:(?:really |very |so )?(?:sorry|afraid),? (?:but )?(?:that )?i(?: am|'m)? )?"
    r"(?:can't|cannot|can not|won't|will not|unable to|not able to|not going to|not comfortable"
    r"|don't feel comfortable|do not feel comfortable|not (?:allowed|permitted) to"
    r"|not (?:programmed|designed|capable)(?: to| of)?"
    r"|(?:don't|do not) have the (?:ability|capability|capacity) to)"
    r"(?: be able to| just| simply| currently| directly| in good conscience| ethically)*"
)
_IT = (
    r"(?:that|this|it|(?:your|the|this|that) (?:request|question|query|prompt)"
    r"|(?:such|any such|these|those) requests?)"
    r"(?: (?:request|question|query|topic|kind of (?:request|thing)|type of (?:request|content)))?"
)
_END = (
    r"(?: for you| right now| here| at (?:this|the) (?:time|moment))?"
    r"(?=\s*(?:[.!?;:,)\]*\"'\u2014-]|$))"
)
_OUT = (
    r"(?:information|instructions|content|material|advice|guidance|assistance|details|text"
    r"|responses?|answers?|messages?|stor(?:y|ies)|code|images?|links?|recommendations?|opinions?)"
)
_MAKE = (
    r"(?:provide|providing|generate|generating|create|creating|write|writing|produce|producing"
    r"|share|sharing|give|giving|offer|offering|discuss|discussing|send|sending)"
)
_AI = (
    r"(?:an? )?(?:ai|artificial intelligence|(?:large )?language model|virtual assistant"
    r"|chat ?bot|server|digital assistant)"
)

ENGLISH = (
    rf"\b{_CANNOT} (?:help|assist|support)(?: you)?(?: (?:with|on|in) {_IT}{_END}|{_END})",
    (
        rf"\b{_CANNOT} (?:provide|offer|give)(?: you)?(?: with)? assistance"
        rf"(?: (?:with|on|in) {_IT})?{_END}"
    ),
    (
        rf"\b{_CANNOT} (?:fulfil+|complete|comply with|accommodate|answer|respond to|do|perform"
        rf"|honou?r"
        rf"|engage (?:with|in)|proceed with|continue with|participate in|discuss"
        rf"|follow) {_IT}{_END}"
    ),
    rf"\b{_CANNOT} (?:comply|engage|participate|proceed)(?=\s*[.!?])",
    (
        rf"\b{_CANNOT} {_MAKE}(?: you)?(?: with)?(?: (?:you|an?|any|the|this|that|such|specific"
        rf"|exact|requested|medical|legal|financial|harmful|explicit|personal))* {_OUT}\b"
    ),
    (
        rf"\bas {_AI}\b[^.!?\n]{{0,60}}\bi(?: am|'m)? (?:can't|cannot|unable|not able|won't"
        r"|will not|not (?:capable|programmed|designed|allowed)"
        r"|(?:don't|do not) have (?:the|access|any (?:access|ability)))"
    ),
    (
        rf"\bi(?: am|'m) (?:just |only |simply )?{_AI}\b[^.!?\n]{{0,40}}\b(?:so|and|which means)\b"
        r" (?:that )?i(?: am|'m)? (?:can't|cannot|unable|not able|won't"
        r"|(?:don't|do not) have (?:the|access))"
    ),
    (
        r"\bi (?:must|have to|need to|will have to|would have to) (?:respectfully "
        r"|politely )?decline\b"
    ),
    r"\bi (?:respectfully |politely )?(?:decline|refuse) to\b",
    (
        r"\b(?:against|violates?|outside|beyond) (?:of )?(?:my|our) (?:programming|(?:ethical "
        r"|content |safety |usage )?(?:guidelines|polic(?:y|ies)|principles)|capabilities|scope)"
    ),
    rf"\bnot (?:appropriate|ethical|safe|legal)(?: (?:or|and) \w+)?(?: for me)? to {_MAKE}\b",
)

# --- other languages ------------------------------------------------------------------------

GERMAN = (
    (
        r"\bich (?:kann|darf|werde)\b(?: (?:dir|ihnen|euch|leider|das|dies|dabei|damit|hierbei"
        r"|hier"
        r"|bei (?:dieser|ihrer|deiner) (?:anfrage|bitte)|(?:diese|ihre|deine) (?:anfrage|frage"
        r"|bitte)))*"
        r" nicht (?:weiter)?(?:helfen|unterstützen|beantworten|erfüllen|nachkommen|ausführen"
        r"|tun)\b"
    ),
    (
        r"\bkann ich(?: (?:dir|ihnen|euch|leider|dabei|damit|hierbei))* nicht (?:weiter)?(?:helfen"
        r"|unterstützen|beantworten|erfüllen|nachkommen)\b"
    ),
    (
        r"\bals (?:eine? )?(?:ki|künstliche intelligenz|sprachmodell|ki-\w+)\b[^.!?\n]{0,40}"
        r"\b(?:kann|darf|bin|habe) ich\b[^.!?\n]{0,80}\b(?:nicht|keine[nr]?)\b"
    ),
    r"\bich muss(?: (?:das|dies|diese anfrage|leider))* ablehnen\b",
)
FRENCH = (
    (
        r"\bje (?:ne )?(?:peux|puis|pourrai|suis) pas(?: (?:vous|t'|te|en mesure de|capable de))*"
        r" ?(?:vous |t')?(?:aider|assister|répondre à (?:cette|votre|ta)|satisfaire|accéder à "
        r"(?:cette|votre|ta)"
        r"|faire cela|réaliser cette|donner suite)"
    ),
    (
        r"\ben tant qu(?:e |')(?:ia|intelligence artificielle|modèle de langage"
        r"|assistant)\b[^.!?\n]{0,60}"
        r"\bje ne (?:peux|puis|suis|dispose|possède)"
    ),
)
SPANISH = (
    (
        r"\bno (?:puedo|podré|me es posible)(?: (?:te|le))? (?:ayudar(?:te|le|los|la|lo)?"
        r"|asistir(?:te|le)?"
        r"|cumplir|responder a (?:esa|esta|tu|su)|realizar es[at]|completar es[at]|atender"
        r"|hacer eso)\b"
    ),
    (
        r"\bcomo (?:una? )?(?:ia|inteligencia artificial|modelo de lenguaje"
        r"|asistente)\b[^.!?\n]{0,60}"
        r"\bno (?:puedo|tengo|soy capaz)"
    ),
)
ITALIAN = (
    (
        r"\bnon (?:posso|sono in grado di|mi è possibile) (?:aiutar(?:ti|la|vi|lo)?|assister"
        r"(?:ti|la|e)"
        r"|soddisfare|rispondere a (?:questa|tale)|fornire assistenza|esaudire|farlo)\b"
    ),
    (
        r"\b(?:come|in quanto) (?:un'|una )?(?:ia|intelligenza artificiale|modello "
        r"(?:di linguaggio"
        r"|linguistico)|assistente)\b[^.!?\n]{0,60}\bnon (?:posso|sono in grado|ho)"
    ),
)
PORTUGUESE = (
    (
        r"\bnão (?:posso|consigo|poderei|sou capaz de)(?: (?:te|lhe|o|a))? ?(?:ajudar(?:-l[oa])?"
        r"|ajudá-l[oa]"
        r"|auxiliar|atender|cumprir|responder a (?:essa|esta|sua)|fazer isso|realizar ess[ae])\b"
    ),
    (
        r"\bcomo (?:uma? )?(?:ia|inteligência artificial|modelo de linguagem"
        r"|assistente)\b[^.!?\n]{0,60}"
        r"\bnão (?:posso|tenho|consigo|sou capaz)"
    ),
)
CHINESE = (
    (
        "(?:抱歉|对不起|很遗憾|非常抱歉)[^\u3002\uff01\uff1f\n]{0,20}我(?:无法|不能|不会"
        "|没有办法|不可以)"
        "(?:为您|为你|向您|向你)?(?:提供|协助|帮助|帮您|帮你|满足|回答|完成|生成|参与|处理)"
    ),
    (
        "作为(?:一个|一名)?(?:ai|人工智能|语言模型|大语言模型)[^\u3002\uff01\uff1f\n]{0,20}我?"
        "(?:无法|不能)"
    ),
)
JAPANESE = (
    (
        "(?:申し訳ありません|申し訳ございません|ごめんなさい"
        "|残念ながら)[^\u3002\uff01\uff1f\n]{0,40}"
        "(?:お手伝い|お答え|回答|対応|提供|お応え)(?:することが|することは|は|が)?(?:できません"
        "|できかねます|いたしかねます)"
    ),
    (
        "(?:ai|人工知能|言語モデル)(?:アシスタント)?(?:である|なので"
        "|として)[^\u3002\uff01\uff1f\n]{0,40}(?:できません|できかねます)"
    ),
)

REFUSALS = (
    *ENGLISH, *GERMAN, *FRENCH, *SPANISH, *ITALIAN, *PORTUGUESE, *CHINESE, *JAPANESE,
)  # fmt: skip
# Who starts like this does what was asked, even if a refusal is quoted further on.
COMPLIES = r"[\W_]*(?:sure|certainly|of course|absolutely|here(?:'s| is| are)|yes)\b"
