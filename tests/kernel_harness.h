/* SPDX-License-Identifier: BSD-2-Clause
 * Runs one operator's kernel on random operands with every stray access made visible: operands at addresses aligned to
 * 4 bytes only, canaries around everything the kernel may write, results and scratch poisoned beforehand. */
#ifndef CZ_TESTS_KERNEL_HARNESS_H
#define CZ_TESTS_KERNEL_HARNESS_H

#include "kernel_cases.h"
#include "kernels/kernel.h"

/** A small deterministic generator (SplitMix64). */
typedef struct rng {
    uint64_t state;
} rng;
uint64_t rng_next(rng *r);
/** Uniform in low .. high. */
int32_t rng_int(rng *r, int32_t low, int32_t high);
float rng_float(rng *r, float range);

/** A case with its operands. */
typedef struct problem {
    const kernel_case *c;
    cz_shape out;
    float *in[CZ_MAX_INPUTS]; /* NULL where absent; bytes where the operator reads u8 */
    void *blocks[CZ_MAX_INPUTS];
    cz_constant weight; /* input 1 where the operator packs it */
    bool packed;
    bool out_u8; /* the result is u8, not f32 */
} problem;

/** How units are given to run(). */
enum split { SPLIT_ALL, SPLIT_REVERSED, SPLIT_RANDOM };

/** Makes operands; false when the case's shapes or attributes are refused (then *why says so). */
bool problem_make(problem *p, const kernel_case *c, rng *r, const char **why);
void problem_free(problem *p);
/** Bytes of the result. */
size_t problem_bytes(const problem *p);

/** Runs the kernel of `cpu` into out (elements of the result, plain memory). NULL, or what went wrong: a canary that
 *  changed, operands that changed, a refused size. */
const char *problem_run(const problem *p, int32_t cpu, enum split split, rng *r, float *out);

/** One line on stderr that names the case, its shapes and attributes. */
void problem_print(const problem *p);

#endif
