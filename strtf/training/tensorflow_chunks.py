"""L_rc and its gradients over a batch whose pairs go through the relation pass in chunks.

The chunks c share the states s of the sentences, and their losses add up: L_rc = Σ_c L_c(s, w), with w the weights of
the relation pass. So the gradients of each L_c with respect to s and w are made at once and summed. One chunk's
activations are alive at a time; none is computed twice, so dropout has nothing to repeat.
"""

import tensorflow as tf

from strtf.layers.precision import at_least_float32


def floating(states) -> dict[str, tf.Tensor]:
    """The states that have gradients."""
    return {name: state for name, state in states.items() if state.dtype.is_floating}


def sums_over_chunks(model, chunks, states, scale):
    """L_rc, its gradient by name for the floating states, and for `pair_variables`; summed in float32 (or wider)."""
    names = list(floating(states))
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
