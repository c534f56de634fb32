/* SPDX-License-Identifier: BSD-2-Clause */
#define _POSIX_C_SOURCE 200112L /* posix_memalign */
#include "kernel_harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GUARD 64 /* bytes of canary before and after a block */
#define MARK  0xA5

uint64_t rng_next(rng *r) {
    uint64_t z = (r->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

int32_t rng_int(rng *r, int32_t low, int32_t high) {
    return low + (int32_t)(rng_next(r) % (uint64_t)((int64_t)high - low + 1));
}

float rng_float(rng *r, float range) { return range * ((float)(int32_t)(rng_next(r) >> 40) / 8388608.0f - 1.0f); }

/** A block between two canaries; `shift` bytes off a multiple of 64. The allocation ends with the canary, so that the
 *  address sanitizer sees what goes further. */
typedef struct guarded {
    unsigned char *base, *at;
    size_t size;
} guarded;

static guarded guard_make(size_t size, size_t shift, int fill) {
    guarded g = {.size = size};
    const size_t total = GUARD + shift + size + GUARD;
    if (posix_memalign((void **)&g.base, 64, total) != 0) abort();
    memset(g.base, MARK, total);
    g.at = g.base + GUARD + shift;
    memset(g.at, fill, size);
    return g;
}

static bool guard_intact(const guarded *g) {
    for (const unsigned char *p = g->base; p < g->at; p++)
        if (*p != MARK) return false;
    for (int i = 0; i < GUARD; i++)
        if (g->at[g->size + (size_t)i] != MARK) return false;
    return true;
}

/** A u8 operand, 4 bytes off a multiple of 64, and what a kernel may read after it: bytes that no u8 has. */
static void make_u8(problem *p, int i, rng *r) {
    const size_t n = cz_elements(&p->c->in[i]);
    if (posix_memalign(&p->blocks[i], 64, 4 + n + CZ_U8_SLACK) != 0) abort();
    unsigned char *at = (unsigned char *)p->blocks[i] + 4;
    memset(at + n, 0xFF, CZ_U8_SLACK);
    for (size_t k = 0; k < n; k++) at[k] = (unsigned char)(rng_next(r) % (CZ_U8_MAX + 1));
    p->in[i] = (float *)(void *)at;
}

/** A weight for the right of another one, such that two products of theirs fit 16 bits. */
static int8_t beside(rng *r, int32_t left) {
    const int32_t low = left < 0 ? -128 - left : -128, high = left > 0 ? 128 - left : 127;
    const int32_t kind = rng_int(r, 0, 7);
    return (int8_t)(kind == 0 ? low : kind == 1 ? high : rng_int(r, low, high));
}

/** The weight as i8 and scales. Every fourth channel's samples are at their limits; or, by chance, neighbours are small
 *  enough for vi_dot4 of every set. */
static void make_i8(problem *p, rng *r) {
    const size_t n = cz_elements(&p->weight.shape), each = n / p->weight.shape.d[0];
    const size_t outs = p->weight.shape.d[0];
    free(p->blocks[1]);
    if (posix_memalign(&p->blocks[1], 64, (n + outs) * sizeof(float)) != 0) abort();
    float *scale = p->in[1] = p->blocks[1];
    int8_t *w = (int8_t *)(scale + outs);
    memset(scale, 0, (n + outs) * sizeof(float)); /* all of it is hashed */
    for (size_t i = 0; i < outs; i++) scale[i] = 0.01f + rng_float(r, 0.009f);
    const bool narrow = rng_int(r, 0, 1) == 1;
    for (size_t i = 0; i < n; i++)
        w[i] = narrow ? beside(r, i == 0 ? 0 : w[i - 1])
                      : (int8_t)(i / each % 4 == 3 ? (i / each % 8 == 3 ? -128 : 127) : rng_int(r, -128, 127));
    p->weight.dtype = CZ_I8;
    p->weight.data = w;
    p->weight.scale = scale;
}

bool problem_make(problem *p, const kernel_case *c, rng *r, const char **why) {
    static cz_error err;
    memset(p, 0, sizeof *p);
    p->c = c;
    p->packed = cz_op_find(c->op)->packed;
    if (cz_op_check(c->op, &c->attr, &err) != COLORIZER_OK ||
        cz_op_shape(c->op, &c->attr, c->in, &p->out, &err) != COLORIZER_OK) {
        *why = err.text;
        return false;
    }
    p->out_u8 = cz_op_result_type(c->op, &c->attr) == CZ_TYPE_U8;
    for (int i = 0; i < CZ_MAX_INPUTS; i++) {
        if (c->in[i].d[0] == 0) continue;
        if (cz_op_input_type(c->op, (uint32_t)i) == CZ_TYPE_U8) {
            make_u8(p, i, r);
            continue;
        }
        /* exactly the tensor, 4 bytes off a multiple of 64: the sanitizer sees any read beyond */
        const size_t n = cz_elements(&c->in[i]);
        if (posix_memalign(&p->blocks[i], 64, (n + 1) * sizeof(float)) != 0) abort();
        p->in[i] = (float *)p->blocks[i] + 1;
        for (size_t k = 0; k < n; k++) p->in[i][k] = rng_float(r, c->range == 0 ? 1.0f : c->range);
    }
    if (p->packed) p->weight = (cz_constant){.shape = c->in[1], .dtype = CZ_F32, .data = p->in[1]};
    if (c->op == CZ_OP_conv2d_i8) make_i8(p, r);
    return true;
}

size_t problem_bytes(const problem *p) { return cz_elements(&p->out) * (p->out_u8 ? 1 : sizeof(float)); }

void problem_free(problem *p) {
    for (int i = 0; i < CZ_MAX_INPUTS; i++) free(p->blocks[i]);
}

/** Gives the units out in pieces that cover them once. */
static void run_units(const cz_kernel *k, const cz_call *call, const float *const *in, float *out, void *scratch,
                      enum split split, rng *r) {
    size_t left = call->units;
    if (split == SPLIT_ALL) {
        k->run(call, in, out, 0, left, scratch);
        return;
    }
    while (left > 0) {
        const size_t most = cz_min(left, split == SPLIT_REVERSED ? 1 : 7);
        const size_t n = (size_t)rng_int(r, 1, (int32_t)most);
        memset(scratch, 0xFF, call->scratch); /* nothing is kept between calls */
        k->run(call, in, out, left - n, left, scratch);
        left -= n;
    }
}

/** FNV-1a. */
static uint64_t fnv(const void *bytes, size_t n, uint64_t h) {
    const unsigned char *b = bytes;
    h ^= 14695981039346656037u;
    for (size_t i = 0; i < n; i++) h = (h ^ b[i]) * 1099511628211u;
    return h;
}

/** Of all operands: kernels must not write to them. */
static uint64_t operands_hash(const problem *p) {
    uint64_t h = 0;
    for (int i = 0; i < CZ_MAX_INPUTS; i++)
        if (p->in[i] != NULL)
            h = fnv(p->in[i],
                    cz_elements(&p->c->in[i]) *
                        (cz_op_input_type(p->c->op, (uint32_t)i) == CZ_TYPE_U8 ? 1 : sizeof(float)),
                    h);
    return h;
}

const char *problem_run(const problem *p, int32_t cpu, enum split split, rng *r, float *out) {
    const cz_set *set = cz_set_of(cpu);
    const cz_kernel *k = cz_kernel_of(set, p->c->op);
    const size_t bytes = problem_bytes(p);
    const uint64_t before = operands_hash(p);
    const char *wrong = NULL;
    cz_call call = {.set = set, .attr = &p->c->attr, .out = p->out, .weight = p->packed ? &p->weight : NULL};
    const float *in[CZ_MAX_INPUTS];
    size_t packed_bytes = 0;
    for (int i = 0; i < CZ_MAX_INPUTS; i++) {
        call.in[i] = p->c->in[i];
        in[i] = p->packed && i == 1 ? NULL : p->in[i];
    }
    if (k->packed_size != NULL && !k->packed_size(&call, &packed_bytes)) return "packed_size refuses";
    guarded packed = guard_make(packed_bytes, 0, 0);
    if (k->pack != NULL) k->pack(&call, packed.at);
    if (!guard_intact(&packed)) wrong = "pack() wrote outside the packed weights";
    const uint64_t packed_before = fnv(packed.at, packed_bytes, 0);
    call.packed = packed.at;
    if (!k->prepare(&call)) {
        free(packed.base);
        return "prepare refuses";
    }
    /* the result is aligned, as in a plan, or not, as a caller's may be */
    guarded scratch = guard_make(call.scratch, 0, 0xFF), result = guard_make(bytes, split == SPLIT_ALL ? 0 : 4, 0xFF);
    run_units(k, &call, in, (float *)(void *)result.at, scratch.at, split, r);
    if (!guard_intact(&scratch)) wrong = "run() wrote outside the scratch";
    if (!guard_intact(&result)) wrong = "run() wrote outside the result";
    if (!guard_intact(&packed)) wrong = "run() wrote outside the packed weights";
    if (fnv(packed.at, packed_bytes, 0) != packed_before) wrong = "run() changed the packed weights";
    if (operands_hash(p) != before) wrong = "an operand changed";
    if (call.units == 0) wrong = "no units";
    memcpy(out, result.at, bytes);
    free(scratch.base);
    free(result.base);
    free(packed.base);
    return wrong;
}

void problem_print(const problem *p) {
    const cz_op_info *info = cz_op_find(p->c->op);
    fprintf(stderr, "%s \"%s\":", info->name, p->c->name);
    for (int i = 0; i < CZ_MAX_INPUTS; i++) {
        const uint32_t *d = p->c->in[i].d;
        if (d[0] != 0) fprintf(stderr, " in%d [%u,%u,%u,%u]", i, d[0], d[1], d[2], d[3]);
    }
    fprintf(stderr, " -> [%u,%u,%u,%u]", p->out.d[0], p->out.d[1], p->out.d[2], p->out.d[3]);
    for (size_t i = 0; info->attributes[i].name[0] != 0; i++) {
        float f;
        int32_t n;
        memcpy(&f, &p->c->attr.words[i], sizeof f);
        memcpy(&n, &p->c->attr.words[i], sizeof n);
        if (info->attributes[i].is_float)
            fprintf(stderr, " %s=%g", info->attributes[i].name, (double)f);
        else
            fprintf(stderr, " %s=%d", info->attributes[i].name, n);
    }
    fprintf(stderr, "\n");
}
