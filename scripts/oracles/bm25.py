#!/usr/bin/env python3
"""BM25 scores of some texts by the package bm25s (its method "lucene"), for Tests/DataTests/Texts/LexicalIndexTests.swift.

    python3 -m venv venv && venv/bin/pip install bm25s && venv/bin/python scripts/oracles/bm25.py

bm25s leaves out the factor k + 1 of the formula, as Lucene does; it is multiplied in here.
"""

import re

import bm25s

TEXTS = [
    "a delicious , quirky movie with a terrific screenplay",
    "the movie is a bore , so tedious that the movie hurts",
    "honest performances and exceptional detail",
    "A Movie, a movie: a MOVIE!",
    "",
    "quirky detail",
]
QUERIES = ["the quirky movie", "detail detail", "nothing here"]
K, B = 1.2, 0.75


def words(text):
    return re.findall(r"\w+", text.lower())


index = bm25s.BM25(method="lucene", k1=K, b=B)
index.index([words(text) for text in TEXTS], show_progress=False)
for query in QUERIES:
    known = [word for word in words(query) if word in index.vocab_dict]
    scores = index.get_scores(known) * (K + 1) if known else [0.0] * len(TEXTS)
    print(repr(query), [float(f"{score:.7g}") for score in scores])
