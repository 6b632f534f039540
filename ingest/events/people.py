"""Does a key of a person say who the person is?

Events carry keys drawn at random in people's place. A platform that sends a phone number or a name as the key would have it in the
log, the lake and every table for ever.
"""

from __future__ import annotations

import re
from functools import lru_cache

__all__ = ["names_somebody"]

#: Keys that the vault and the simulator draw: a letter and 24 letters and digits. One in a hundred has no digit.
_OURS = re.compile(r"[LS][A-Za-z0-9]{24}")
_SEPARATORS = re.compile(r"[-_]+")
#: What a system may put before a number of its own.
_LABEL = re.compile(r"^[A-Za-z]{0,8}(?=\d)")
_MOBILE = re.compile(r"(?:00)?(?:86)?1[3-9]\d{9}")
#: Phone numbers of any country have at most 15 digits (ITU-T E.164).
_PHONE = re.compile(r"\d{7,15}")
_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
#: A Chinese id number of 18 places (GB 11643), or the older one of 15; both hold a birthday.
_ID_NUMBER = re.compile(rf"[1-8]\d{{5}}(?:(?:18|19|20)\d\d{_DAY}\d{{3}}[\dXx]|\d\d{_DAY}\d{{3}})")
#: Words as names are made of: one capital at most, at the beginning, or nothing but capitals; with a vowel.
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_VOWEL = re.compile(r"[aeiouyAEIOUY]")
_MOST_WORDS = 4
_SURNAME = (
    r"ai|an|bai|bao|bi|bian|cai|cao|cen|chang|chao|che|chen|cheng|chi|chu|cui|dai|deng|ding|dong|dou|du|duan|fan|fang|fei|feng|fu|gan|"
    r"gao|ge|geng|gong|gu|guan|guo|han|hao|he|hong|hou|hu|hua|huang|huo|ji|jia|jian|jiang|jiao|jin|jing|kang|ke|kong|kuang|lai|lan|lang|"
    r"lei|leng|li|lian|liang|liao|lin|ling|liu|long|lou|lu|luo|lv|ma|mao|mei|meng|mi|miao|mo|mu|ni|nie|ning|niu|ou|ouyang|pan|pang|pei|"
    r"peng|pi|ping|pu|qi|qian|qiang|qiao|qin|qiu|qu|quan|rao|ren|rong|ruan|sha|shang|shao|shen|sheng|shi|shu|shui|si|sima|situ|song|su|"
    r"sui|sun|tan|tang|tao|teng|tian|tong|tu|wan|wang|wei|wen|weng|wu|xi|xia|xian|xiang|xiao|xie|xin|xing|xiong|xu|xuan|xue|yan|yang|yao|"
    r"ye|yi|yin|ying|you|yu|yuan|yue|zang|zeng|zhai|zhan|zhang|zhao|zhen|zheng|zhong|zhou|zhu|zhuang|zhuge|zhuo|zong|zou|zuo"
)
_SYLLABLE = (
    r"(?:[bpmf]?(?:a|ai|an|ang|ao|ei|en|eng|o|ou)|(?:[bpmdtnljqxy]|zh|ch|sh|[rzcs])?i|[bpmfdtnlgkhrzcsyw]u|(?:zh|ch|sh)u"
    r"|(?:[dtnlgkhrzcsyw]|zh|ch|sh)(?:a|ai|an|ang|ao|e|ei|en|eng|ong|ou)|[bpmdtnljqx](?:ian|iao|ie|in|ing|iu|ia|iang|iong|ue|un|uan|u|v|ve)"
    r"|(?:[dtnlgkhrzcs]|zh|ch|sh)(?:ua|uai|uan|uang|ui|un|uo)|y(?:in|ing|uan|ue|un|ong|an|ao)|e|er|en)"
)
#: A surname and one or two syllables in Pinyin, and perhaps a year or a number after them.
_CHINESE = re.compile(rf"(?:{_SURNAME}){_SYLLABLE}{{1,2}}")


@lru_cache(65_536)
def names_somebody(key: str) -> str | None:
    """What a key of a person looks like where it is no random one: a phone or id number, or a name; else None."""
    if _OURS.fullmatch(key):
        return None
    plain = _SEPARATORS.sub("", key)
    digits = _LABEL.sub("", plain)
    if _ID_NUMBER.fullmatch(digits):
        return "an id number"
    if _MOBILE.fullmatch(digits) or _PHONE.fullmatch(plain):
        return "a phone number"
    letters = plain.rstrip("0123456789")
    if plain.isalpha():
        words = [word for part in _SEPARATORS.split(key) for word in _WORD.findall(part)]
        if len(words) <= _MOST_WORDS and all(len(word) > 1 and _VOWEL.search(word) for word in words):
            return "a name"
    return "a name" if _CHINESE.fullmatch(letters.lower()) else None
