/* SPDX-License-Identifier: BSD-2-Clause
 * operators + input size + kernels -> flat steps with arena offsets. A plan decides everything; running it allocates
 * nothing and branches on no shape. */
#ifndef CZ_PLAN_PLAN_H
#define CZ_PLAN_PLAN_H

#include "plan/weights.h"

/** An operand: a constant, or values at a byte offset in the arena, or absent (both NULL and CZ_NO_OFFSET). */
typedef struct cz_operand {
    const float *constant;
    size_t offset;
} cz_operand;

#define CZ_NO_OFFSET SIZE_MAX

typedef struct cz_step {
    const cz_kernel *kernel;
    cz_call call;
    cz_operand in[CZ_MAX_INPUTS];
    size_t out; /* byte offset in the arena */
    float done; /* share of the plan's work finished after this step, 0..1 */
} cz_step;

/** Constant once made. The arena of `arena_bytes`, aligned to CZ_ALIGN, belongs to the caller. Each thread's scratch
 * ends at the same place in every step, the first one's with the arena, and is as long as the step needs: always the
 * same lines, which stay in the cache of that core. Before it tensors may lie. */
typedef struct cz_plan {
    const cz_model *model;
    cz_step *steps;
    size_t n_steps;
    cz_shape *shapes; /* of every tensor */
    size_t *offsets;  /* of every tensor in the arena; CZ_NO_OFFSET for constants */
    size_t scratch;   /* from one thread's end back to the next one's: the most that a step needs */
    size_t arena_bytes;
    double work; /* about the multiply-adds of one run */
    uint32_t threads;
    size_t bytes; /* of the one block that holds this struct and all it points to */
} cz_plan;

/** Plans a model for inputs of the given shapes.
 *  @return OK, E_MEMORY, or E_MODEL when the shapes do not fit the graph. */
int32_t cz_plan_make(cz_plan **out, const cz_model *model, const cz_weights *weights, const cz_shape *inputs,
                     uint32_t threads, const cz_alloc *a, cz_error *err);
void cz_plan_free(cz_plan *p, const cz_alloc *a);

/** Where a tensor's values lie: in the arena for inputs and activations. */
static inline float *cz_plan_tensor(const cz_plan *p, void *arena, uint32_t tensor) {
    return (float *)(void *)((unsigned char *)arena + p->offsets[tensor]);
}

#endif
