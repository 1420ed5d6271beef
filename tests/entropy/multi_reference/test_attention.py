"""Local and global attention equal their definitions, written out slowly."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from lic_jax.entropy.checkerboard import Pass, keep, positions
from lic_jax.entropy.multi_reference import local
from lic_jax.entropy.multi_reference.inter_slice import InterSlice
from lic_jax.entropy.multi_reference.intra_slice import IntraSlice
from lic_jax.entropy.multi_reference.linear_attention import linear_attention

H, W, C, WIDTH = 4, 6, 4, 3
# The generator that compiles fast.
KEY = jax.random.key(0, impl="rbg")


def swin_row(query, key):
  """Row of the bias table for two places in a window of 5x5."""
  dy, dx = query[0] - key[0], query[1] - key[1]
  return (dy + 4) * 9 + dx + 4


PLACES = [(y, x) for y in range(5) for x in range(5)]


def window_by_hand(q, k, v, table, anchors, centre):
  """The 25 output tokens of the window around `centre`: specification 2.4."""
  h, w, c = q.shape
  heads, d = 2, c // 2

  def at(x, place):
    y, x_ = centre[0] + place[0] - 2, centre[1] + place[1] - 2
    return x[y, x_] if 0 <= y < h and 0 <= x_ < w else np.zeros_like(x[0, 0])

  out = np.zeros((25, c))
  for i, query in enumerate(PLACES):
    for head in range(heads):
      scores = [
        at(q, query)[head::heads] @ at(k, key)[head::heads] / np.sqrt(d)
        + table[swin_row(query, key), head]
        + (0 if at(anchors, query) and at(anchors, key) else -100)
        for key in PLACES
      ]
      values = np.stack([at(v, key)[head::heads] for key in PLACES])
      out[i, head * d : (head + 1) * d] = special.softmax(scores) @ values
  return out


@pytest.fixture
def qkv(rng):
  return rng.normal(size=(3, H, W, C)).astype(np.float32)


@pytest.fixture
def table(rng):
  return rng.normal(size=(81, 2)).astype(np.float32)


ANCHORS = np.asarray(positions(H, W, Pass.ANCHOR))


def test_window_attention_equals_the_definition_at_every_position(
  qkv, table, rng
):
  fusion = rng.normal(size=(5, 5, C, 3)).astype(np.float32)
  found = jax.jit(local.all_queries)(
    *qkv[:, None],
    bias=table[local.relative_index()],
    fusion=fusion,
    anchors=ANCHORS[None],
  )[0]
  for y in range(H):
    for x in range(W):
      tokens = window_by_hand(*qkv, table, ANCHORS[..., 0], (y, x))
      expected = np.einsum("pc,pcf->f", tokens, fusion.reshape(25, C, 3))
      np.testing.assert_allclose(found[y, x], expected, atol=1e-3)


def test_the_centre_query_weighs_the_anchors_of_its_window(qkv, table):
  found = jax.jit(local.centre_query)(
    *qkv[:, None],
    bias=table[local.relative_index()],
    anchors=ANCHORS[None],
  )[0]
  for y in range(H):
    for x in range(W):
      if ANCHORS[y, x, 0]:  # there the definition's mask is the same
        tokens = window_by_hand(*qkv, table, ANCHORS[..., 0], (y, x))
        np.testing.assert_allclose(found[y, x], tokens[12], atol=1e-4)
  blind = np.where(ANCHORS, qkv[2], 1e6)
  again = local.centre_query(
    *qkv[:2, None],
    blind[None],
    bias=table[local.relative_index()],
    anchors=ANCHORS[None],
  )
  np.testing.assert_allclose(again[0], found, atol=1e-4)


@pytest.mark.parametrize("queries", local.QUERIES)
def test_the_local_context_of_nothing_tells_only_a_passs_positions(queries):
  module = local.LocalContext(queries, width=WIDTH)
  context, _ = jax.jit(module.init_with_output)(KEY, jnp.zeros((1, 12, 12, C)))
  assert context.shape == (1, 12, 12, 2 * WIDTH)
  inside = np.asarray(context[0, 4:-4, 4:-4])
  for which in Pass:
    alike = inside[np.asarray(positions(4, 4, which)[..., 0])]
    np.testing.assert_allclose(alike, alike[:1].repeat(8, 0), atol=1e-5)


def test_linear_attention_equals_the_definition_per_head(rng):
  q, k = rng.normal(size=(2, 2, 7, 3, 5)).astype(np.float32)
  v = rng.normal(size=(2, 7, 3, 4)).astype(np.float32)
  found = linear_attention(jnp.asarray(q), jnp.asarray(k), jnp.asarray(v))
  for b in range(2):
    for head in range(3):
      keys = special.softmax(k[b, :, head], axis=0)
      queries = special.softmax(q[b, :, head], axis=1)
      expected = (keys.T @ v[b, :, head]).T @ queries.T
      np.testing.assert_allclose(found[b, :, head], expected.T, atol=1e-5)


def test_a_constant_added_to_all_keys_changes_no_intra_slice_context(rng):
  module = IntraSlice(width=WIDTH)
  previous, current = (
    jnp.asarray(rng.normal(size=(1, H, W, C)), jnp.float32) for _ in range(2)
  )
  anchors = keep(current, Pass.ANCHOR)
  variables = jax.jit(module.init)(KEY, previous, anchors)
  run = jax.jit(module.apply)
  context = run(variables, previous, anchors)
  assert context.shape == (1, H, W, 2 * WIDTH)
  moved = jax.tree.map(lambda p: p, variables)
  moved["params"]["key"]["depthwise"]["bias"] += 3.0
  np.testing.assert_allclose(run(moved, previous, anchors), context, atol=1e-5)


def test_inter_slice_contexts_of_equal_images_are_equal_whatever_the_batch(rng):
  module = InterSlice(heads=2, width=WIDTH)
  y = jnp.asarray(rng.normal(size=(2, H, W, 2 * C)), jnp.float32)
  both, variables = jax.jit(module.init_with_output)(KEY, y)
  one = jax.jit(module.apply)(variables, y[1:])
  assert both.shape == (2, H, W, 2 * WIDTH)
  np.testing.assert_allclose(both[1:], one, atol=1e-5)
