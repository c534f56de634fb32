/* SPDX-License-Identifier: BSD-2-Clause */
#include "run/run.h"

/** A step with its operands found in the arena. */
typedef struct {
    const cz_step *step;
    const float *in[CZ_MAX_INPUTS];
    float *out;
    unsigned char *scratch; /* of slot 0; the others' lie before it */
    size_t scratch_step;
} resolved;

static void run_range(void *context, size_t begin, size_t end, uint32_t slot) {
    const resolved *r = context;
    r->step->kernel->run(&r->step->call, r->in, r->out, begin, end, r->scratch - slot * r->scratch_step);
}

static resolved resolve(const cz_plan *plan, unsigned char *arena, const cz_step *step) {
    resolved r = {.step = step,
                  .out = (float *)(void *)(arena + step->out),
                  .scratch = arena + plan->arena_bytes - step->call.scratch,
                  .scratch_step = plan->scratch};
    for (size_t i = 0; i < CZ_MAX_INPUTS; i++)
        r.in[i] = step->in[i].offset == CZ_NO_OFFSET ? step->in[i].constant
                                                     : (const float *)(const void *)(arena + step->in[i].offset);
    return r;
}

bool cz_run(const cz_plan *plan, void *arena, const cz_exec *x, cz_progress_fn progress, void *user) {
    for (size_t i = 0; i < plan->n_steps; i++) {
        resolved r = resolve(plan, arena, &plan->steps[i]);
        if (!cz_exec_for(x, r.step->call.units, 0, run_range, &r)) return false;
        if (progress != NULL && progress(user, r.step->done) != 0) return false;
    }
    return true;
}
