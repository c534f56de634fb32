/* SPDX-License-Identifier: BSD-2-Clause
 * Every operator, and a small network layer by layer, against PyTorch; and every instruction set against the scalar
 * one, bit for bit. The folder of cases that tests/golden/generate.py wrote is the argument or CZ_GOLDEN; a folder
 * without cases.txt is skipped: the reason is printed and the exit status is 77. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kernels/isa.h"
#include "run/run.h"

#define PATH  1024
#define NAME  280
#define CASES 1024

static const char *folder;
static char names[CASES][NAME];
static int n_cases;

static const int32_t cpus[] = {
#define CZ_SET(name, NAME, needs) COLORIZER_CPU_##NAME,
#include "kernels/sets.def"
#undef CZ_SET
};

/** A file's bytes aligned to CZ_ALIGN, to be freed; NULL where it cannot be read. */
static unsigned char *read_file(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) return NULL;
    unsigned char *bytes = NULL;
    long end = -1;
    if (fseek(f, 0, SEEK_END) == 0) end = ftell(f);
    if (end > 0 && fseek(f, 0, SEEK_SET) == 0) {
        *size = (size_t)end;
        bytes = aligned_alloc(CZ_ALIGN, (*size + CZ_ALIGN - 1) / CZ_ALIGN * CZ_ALIGN);
        if (bytes != NULL && fread(bytes, 1, *size, f) != *size) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(f);
    return bytes;
}

/** The samples of the constant `<prefix><name>`. */
static const cz_constant *constant(const cz_model *m, const char *prefix, cz_text name) {
    char full[NAME + 16];
    snprintf(full, sizeof full, "%s%.*s", prefix, (int)name.size, name.data);
    const int32_t i = cz_model_find_constant(m, full);
    if (i < 0) fail_msg("no constant %s", full);
    return &m->constants[i];
}

static double tolerance(const cz_model *m) {
    const cz_text *text = cz_model_find_metadata(m, "tolerance");
    assert_non_null(text);
    char number[40];
    snprintf(number, sizeof number, "%.*s", (int)text->size, text->data);
    return atof(number);
}

/** sqrt(sum (y - e)^2 / sum e^2); infinite where y is not finite. */
static double relative_rms(const float *y, const float *e, size_t n) {
    double error = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        error += ((double)y[i] - (double)e[i]) * ((double)y[i] - (double)e[i]);
        size += (double)e[i] * (double)e[i];
    }
    if (error == 0) return 0;
    return isfinite(error) && size > 0 ? sqrt(error / size) : INFINITY;
}

typedef struct golden {
    cz_alloc alloc;
    cz_model *model;
    cz_shape inputs[CZ_FILE_MAX_INPUTS];
} golden;

/** Runs the case on one instruction set; the arena is the caller's to free with cz_alloc_put. */
static cz_plan *run_case(golden *g, int32_t cpu, unsigned char **arena) {
    cz_error err = {0};
    cz_weights *weights;
    cz_plan *plan;
    if (cz_weights_make(&weights, g->model, cpu, &g->alloc, &err) != COLORIZER_OK) fail_msg("weights: %s", err.text);
    if (cz_plan_make(&plan, g->model, weights, g->inputs, 1, &g->alloc, &err) != COLORIZER_OK)
        fail_msg("plan: %s", err.text);
    *arena = cz_alloc_get(&g->alloc, plan->arena_bytes);
    assert_non_null(*arena);
    memset(*arena, 0xFF, plan->arena_bytes); /* NaNs: what is read before it is written shows */
    for (uint32_t i = 0; i < g->model->n_inputs; i++) {
        const cz_constant *given = constant(g->model, "given.", g->model->inputs[i].name);
        cz_constant_read(given, 0, cz_elements(&given->shape), cz_plan_tensor(plan, *arena, i));
    }
    const cz_exec x = {.threads = 1};
    assert_true(cz_run(plan, *arena, &x, NULL, NULL));
    cz_weights_free(weights, &g->alloc);
    return plan;
}

/** Compares every output with PyTorch's; returns the largest relative RMS error. */
static double compare(const golden *g, const char *name, const cz_plan *plan, unsigned char *arena) {
    const double most = tolerance(g->model);
    double worst = 0;
    for (uint32_t i = 0; i < g->model->n_outputs; i++) {
        const cz_output *o = &g->model->outputs[i];
        const cz_constant *e = constant(g->model, "expect.", o->name);
        const size_t n = cz_elements(&e->shape);
        if (memcmp(&e->shape, &plan->shapes[o->tensor], sizeof e->shape) != 0)
            fail_msg("%s: output %.*s has another shape than PyTorch's", name, (int)o->name.size, o->name.data);
        float *expected = malloc(n * sizeof *expected);
        assert_non_null(expected);
        cz_constant_read(e, 0, n, expected);
        const double error = relative_rms(cz_plan_tensor(plan, arena, o->tensor), expected, n);
        free(expected);
        if (!(error <= most))
            fail_msg("%s: output %.*s: relative RMS error %.3g, above %.3g", name, (int)o->name.size, o->name.data,
                     error, most);
        if (error > worst) worst = error;
    }
    return worst;
}

static void same_bits(const golden *g, const char *name, int32_t cpu, const cz_plan *plan, unsigned char *arena,
                      const cz_plan *other_plan, unsigned char *other) {
    for (uint32_t i = 0; i < g->model->n_outputs; i++) {
        const cz_output *o = &g->model->outputs[i];
        const size_t bytes = cz_elements(&plan->shapes[o->tensor]) * sizeof(float);
        if (memcmp(cz_plan_tensor(plan, arena, o->tensor), cz_plan_tensor(other_plan, other, o->tensor), bytes) != 0)
            fail_msg("%s: output %.*s: %s gives other bits than scalar", name, (int)o->name.size, o->name.data,
                     cz_cpu_name(cpu));
    }
}

static void test_case(void **state) {
    const char *name = *state;
    char path[PATH];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s.czw", folder, name);
    unsigned char *bytes = read_file(path, &size);
    if (bytes == NULL) fail_msg("cannot read %s", path);
    golden g = {.alloc = cz_alloc_make(NULL, NULL, NULL)};
    cz_file file;
    cz_error err = {0};
    if (cz_file_open(&file, bytes, size, &err) != COLORIZER_OK) fail_msg("%s: %s", name, err.text);
    if (cz_model_make(&g.model, &file, &g.alloc, &err) != COLORIZER_OK) fail_msg("%s: %s", name, err.text);
    for (uint32_t i = 0; i < g.model->n_inputs; i++)
        memcpy(g.inputs[i].d, g.model->inputs[i].dims, sizeof g.inputs[i].d);
    unsigned char *first = NULL;
    cz_plan *reference = run_case(&g, COLORIZER_CPU_SCALAR, &first);
    print_message("%-40s relative RMS error %.2g\n", name, compare(&g, name, reference, first));
    for (size_t k = 1; k < CZ_COUNT(cpus); k++) {
        if (!cz_cpu_supported(cpus[k])) continue;
        unsigned char *arena;
        cz_plan *plan = run_case(&g, cpus[k], &arena);
        same_bits(&g, name, cpus[k], reference, first, plan, arena);
        cz_alloc_put(&g.alloc, arena, plan->arena_bytes);
        cz_plan_free(plan, &g.alloc);
    }
    cz_alloc_put(&g.alloc, first, reference->arena_bytes);
    cz_plan_free(reference, &g.alloc);
    cz_model_free(g.model, &g.alloc);
    free(bytes);
}

/** Reads the list of cases; false where there is none. */
static bool read_names(void) {
    char path[PATH], line[NAME];
    snprintf(path, sizeof path, "%s/cases.txt", folder);
    FILE *f = fopen(path, "r");
    if (f == NULL) return false;
    while (n_cases < CASES && fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\n")] = 0;
        if (line[0] != 0) memcpy(names[n_cases++], line, sizeof line);
    }
    const bool all = fgets(line, sizeof line, f) == NULL;
    fclose(f);
    return all && n_cases > 0;
}

int main(int argc, char **argv) {
    folder = argc > 1 ? argv[1] : getenv("CZ_GOLDEN");
    if (folder == NULL || !read_names()) {
        printf("skipped: no golden cases in %s; tests/golden/generate.py writes them, with python3, numpy and torch\n",
               folder ? folder : "CZ_GOLDEN");
        return 77;
    }
    for (size_t k = 1; k < CZ_COUNT(cpus); k++)
        if (!cz_cpu_supported(cpus[k])) printf("%s: not run, this machine or build lacks it\n", cz_cpu_name(cpus[k]));
    static struct CMUnitTest tests[CASES];
    for (int i = 0; i < n_cases; i++)
        tests[i] = (struct CMUnitTest){.name = names[i], .test_func = test_case, .initial_state = names[i]};
    /* what cmocka_run_group_tests does, for a number of tests known at run time */
    return _cmocka_run_group_tests("golden", tests, (size_t)n_cases, NULL, NULL);
}
