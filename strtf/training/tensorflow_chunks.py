"""Losses and gradients of a batch whose pairs go through the relation pass in chunks.

The chunks c share the states s of the sentences, and their losses add up: L_all = L_ner(s) + Σ_c L_c(s, w), with w the
weights of the relation pass. So the gradients of each L_c with respect to s and w are made at once and summed, and only
the sum with respect to s goes back through the encoder. One chunk's activations are alive at a time; none is computed
twice, so dropout has nothing to repeat.
"""

import functools

import tensorflow as tf

from strtf.layers.precision import at_least_float32
from strtf.models.base import Task


def chunked_losses_and_gradients(model, batch, scale):
    """The model's losses, and the dense gradients of their scaled sum for its trainable variables.

    Args:
        model: an `ExtractionModel` with the task RC.
        batch: with `chunks`, see `training_batch`.
        scale: function of a task and its loss, linear in the loss.
    """
    with tf.GradientTape() as tape:
        states = model.encode(batch, training=True)
        losses = {Task.NER: model.tag_loss(batch, states, training=True)} if Task.NER in model.tasks else {}
        scaled = [scale(task, loss) for task, loss in losses.items()]
    losses[Task.RC], state_sums, pair_sums = sums_over_chunks(
        model, batch["chunks"], states, functools.partial(scale, Task.RC)
    )
    variables = [variable.value for variable in model.trainable_variables]
    targets = scaled + [states[name] for name in state_sums]
    upstream = [tf.ones_like(loss) for loss in scaled]
    upstream += [tf.cast(total, states[name].dtype) for name, total in state_sums.items()]
    gradients = tape.gradient(targets, variables, output_gradients=upstream)
    pairs = {variable.path: total for variable, total in zip(model.pair_variables(), pair_sums, strict=True)}
    parts = [
        [tf.convert_to_tensor(part) for part in (gradient, pairs.get(variable.path)) if part is not None]
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
    ]
    return losses, [tf.add_n(part) for part in parts]


def sums_over_chunks(model, chunks, states, scale):
    """L_rc, its gradient by name for the floating states, and for `pair_variables`; summed in float32 (or wider)."""
    names = [name for name, state in states.items() if state.dtype.is_floating]
    variables = [variable.value for variable in model.pair_variables()]
    total_weight = tf.add_n([tf.reduce_sum(group["pair_weights"]) for group in chunks])

    def of_chunk(chunk):
        with tf.GradientTape() as tape:
            sources = {name: tf.identity(states[name]) for name in names}
            tape.watch(sources)
            loss = model.pair_loss(chunk, states | sources, True, total_weight)
            scaled = scale(loss)
        sources = [*sources.values(), *variables]
        # a state or weight that this mask does not read: zero
        return [loss, *tape.gradient(scaled, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)]

    loss = tf.zeros((), variables[-1].dtype)
    # in half precision, many chunks would lose what later ones add
    sources = [*(at_least_float32(states[name]) for name in names), *variables]
    sums = [loss, *(tf.zeros_like(source) for source in sources)]
    for group in chunks:
        sums = _sum_over_group(of_chunk, dict(group), sums)
    return sums[0], dict(zip(names, sums[1:], strict=False)), sums[1 + len(names) :]


def _sum_over_group(of_chunk, group, sums):
    """`sums` plus the values of each chunk of one shape, one after the other."""
    count = group.pop("num_chunks")

    def body(number, sums):
        values = of_chunk({name: array[number] for name, array in group.items()})
        values = [tf.cast(tf.convert_to_tensor(value), total.dtype) for total, value in zip(sums, values, strict=True)]
        return number + 1, [tf.add(*pair) for pair in zip(sums, values, strict=True)]

    loop = tf.while_loop(lambda number, _: number < count, body, (0, sums), parallel_iterations=1)
    return loop[1]
