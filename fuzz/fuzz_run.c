/* SPDX-License-Identifier: BSD-2-Clause
 * Load, plan, run. Bytes that begin as a .czw file does are one, repaired; others decide how fuzz_generate builds a
 * model. Where the work is small it runs on every instruction set here: no fault, and the same bits on each. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/isa.h"
#include "run/run.h"

enum { MOST_WORK = 1 << 20, MOST_VALUES = 1 << 17 };

/** What one run left: the outputs, one after the other. */
typedef struct result {
    float *values;
    size_t n;
} result;

/** Values between -2 and 2 with a few zeros and large ones. */
static void fill(float *p, size_t n, uint32_t state) {
    for (size_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (float)((int32_t)(state >> 8 & 0xFFFF) - 32768) / 16384;
        if ((state >> 24) % 32 == 0) p[i] = (state >> 8) % 2 ? 0 : p[i] * 100;
    }
}

static void input_shapes(const cz_model *m, cz_shape *in) {
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        const cz_input *row = &m->inputs[i];
        const bool chosen = row->dims[1] == 0;
        in[i] = (cz_shape){
            {1, chosen ? row->multiple : row->dims[1], chosen ? 2 * row->multiple : row->dims[2], row->dims[3]}};
    }
}

/** Small enough to run: weights, values and work. */
static bool is_small(const cz_model *m, const cz_shape *inputs) {
    cz_shape *all = calloc(m->n_tensors, sizeof *all);
    bool small = all != NULL && cz_model_shapes(m, inputs, all, NULL) == COLORIZER_OK;
    uint64_t work = 0, values = 0;
    for (uint32_t i = 0; small && i < m->n_tensors; i++) values += cz_elements(&all[i]);
    for (uint32_t i = 0; small && i < m->n_ops; i++) {
        cz_shape in[CZ_MAX_INPUTS] = {{{0}}};
        for (int k = 0; k < CZ_MAX_INPUTS; k++)
            if (m->ops[i].in[k] != CZ_NO_TENSOR) in[k] = all[m->ops[i].in[k]];
        if (cz_op_find(m->ops[i].id)->packed) values += cz_elements(&in[1]);
        work += cz_op_work(m->ops[i].id, &m->ops[i].attr, in, &all[cz_model_op_tensor(m, i)]);
        small = work < MOST_WORK && values < MOST_VALUES;
    }
    free(all);
    return small;
}

static void collect(const cz_model *m, const cz_plan *plan, void *arena, result *r) {
    for (uint32_t i = 0; i < m->n_outputs; i++) {
        const uint32_t t = m->outputs[i].tensor;
        const size_t n = cz_elements(&plan->shapes[t]);
        r->values = realloc(r->values, (r->n + n) * sizeof(float));
        FUZZ_CHECK(r->values != NULL);
        memcpy(r->values + r->n, cz_plan_tensor(plan, arena, t), n * sizeof(float));
        r->n += n;
    }
}

static void run_on(const cz_model *m, const cz_shape *inputs, int32_t cpu, result *r) {
    const cz_alloc alloc = cz_alloc_make(NULL, NULL, NULL);
    cz_weights *weights = NULL;
    cz_plan *plan = NULL;
    cz_error err = {0};
    *r = (result){NULL, 0};
    FUZZ_CHECK(cz_weights_make(&weights, m, cpu, &alloc, &err) == COLORIZER_OK);
    FUZZ_CHECK(cz_plan_make(&plan, m, weights, inputs, 1, &alloc, &err) == COLORIZER_OK);
    unsigned char *arena = mb_exact(plan->arena_bytes);
    memset(arena, 0xFF, plan->arena_bytes); /* NaN: what is read before it is written shows */
    for (uint32_t i = 0; i < m->n_inputs; i++) fill(cz_plan_tensor(plan, arena, i), cz_elements(&inputs[i]), i + 1);
    const cz_exec exec = {.threads = 1};
    FUZZ_CHECK(cz_run(plan, arena, &exec, NULL, NULL));
    collect(m, plan, arena, r);
    free(arena);
    cz_plan_free(plan, &alloc);
    cz_weights_free(weights, &alloc);
}

/** The same bits; any NaN is as good as another. */
static void compare(const result *a, const result *b) {
    FUZZ_CHECK(a->n == b->n);
    for (size_t i = 0; i < a->n; i++)
        FUZZ_CHECK(memcmp(&a->values[i], &b->values[i], sizeof(float)) == 0 ||
                   (a->values[i] != a->values[i] && b->values[i] != b->values[i]));
}

static void run_everywhere(const cz_model *m) {
    cz_shape inputs[CZ_FILE_MAX_INPUTS];
    result scalar, other;
    input_shapes(m, inputs);
    if (!is_small(m, inputs)) return;
    run_on(m, inputs, COLORIZER_CPU_SCALAR, &scalar);
    for (int32_t cpu = COLORIZER_CPU_SCALAR + 1; cpu <= CZ_CPU_LAST; cpu++) {
        if (!cz_cpu_supported(cpu)) continue;
        run_on(m, inputs, cpu, &other);
        compare(&scalar, &other);
        free(other.values);
    }
    free(scalar.values);
}

/** The bytes of a file: repaired ones, or those of a generated model. */
static unsigned char *file_of(const uint8_t *data, size_t *size) {
    unsigned char *bytes;
    if (*size >= 8 && memcmp(data,
                             "\x89"
                             "CZW\r\n\x1a\n",
                             8) == 0)
        return fuzz_repair(data, *size);
    mb_model *m = calloc(1, sizeof *m);
    FUZZ_CHECK(m != NULL);
    fuzz_generate(m, data, *size);
    mb_write(m, &bytes, size);
    mb_free(m);
    free(m);
    return bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const cz_alloc alloc = cz_alloc_make(NULL, NULL, NULL);
    unsigned char *bytes = file_of(data, &size);
    cz_file file;
    cz_model *m;
    if (cz_file_open(&file, bytes, size, NULL) == COLORIZER_OK &&
        cz_model_make(&m, &file, &alloc, NULL) == COLORIZER_OK) {
        run_everywhere(m);
        cz_model_free(m, &alloc);
    }
    free(bytes);
    return 0;
}
