"""Invented names and phones for simulated people; they go to the vault and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["invented_people"]

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
_GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉建华玉红志梅鹏飞雪莹宁欣怡然"


def invented_people(seed: int, keys: list[str]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """(person key, account, details) for each key; the phones are of a range never given out."""
    rng = np.random.default_rng([seed, len(keys), 7])
    surname = rng.integers(0, len(_SURNAMES), len(keys)).tolist()
    given = rng.integers(0, len(_GIVEN), (len(keys), 2)).tolist()
    for i, key in enumerate(keys):
        name = _SURNAMES[surname[i]] + _GIVEN[given[i][0]] + _GIVEN[given[i][1]]
        yield key, f"simulated:{key}", {"name": name, "phone": f"100{i:08d}", "note": "simulated person"}
