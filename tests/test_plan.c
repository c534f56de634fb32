/* SPDX-License-Identifier: BSD-2-Clause
 * Placing tensors, planning every operator, and splitting work over threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kernels/isa.h"
#include "model_builder.h"
#include "plan/arena.h"
#include "run/pool.h"
#include "run/run.h"

static uint32_t seed = 12345;
static uint32_t next_random(uint32_t below) {
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* ---------------------------------------------------------------- the arena */

/** No two blocks alive at once overlap, all are aligned and inside, and the arena is near the most bytes alive. */
static void check_placement(const cz_block *b, size_t n, size_t steps, size_t total) {
    size_t bound = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(b[i].offset % CZ_ALIGN, 0);
        assert_true(b[i].offset + b[i].bytes <= total);
        for (size_t k = 0; k < i; k++) {
            const bool together = b[i].first <= b[k].last && b[k].first <= b[i].last;
            const bool apart = b[i].offset + b[i].bytes <= b[k].offset || b[k].offset + b[k].bytes <= b[i].offset;
            assert_true(!together || apart || b[i].bytes == 0 || b[k].bytes == 0);
        }
    }
    for (size_t s = 0; s < steps; s++) {
        size_t alive = 0;
        for (size_t i = 0; i < n; i++)
            if (b[i].first <= s && s <= b[i].last) alive += (b[i].bytes + CZ_ALIGN - 1) / CZ_ALIGN * CZ_ALIGN;
        bound = cz_max(bound, alive);
    }
    assert_true(total >= bound / 2);
    assert_true(total <= 2 * bound + CZ_ALIGN);
}

static void test_arena_random(void **state) {
    (void)state;
    enum { STEPS = 40 };
    for (int round = 0; round < 300; round++) {
        cz_block blocks[60];
        uint32_t order[60];
        const size_t n = 1 + next_random(60);
        size_t total;
        for (size_t i = 0; i < n; i++) {
            const size_t first = next_random(STEPS);
            const size_t last = cz_min(STEPS - 1, first + next_random(6));
            blocks[i] = (cz_block){.bytes = next_random(5) == 0 ? 0 : next_random(5000), .first = first, .last = last};
        }
        assert_true(cz_arena_place(blocks, n, next_random(8), order, &total));
        check_placement(blocks, n, STEPS, total);
    }
}

static void test_arena_chain_is_tight(void **state) {
    (void)state;
    /* Each tensor is read by the next step only: two live at once, and two are all the arena holds. */
    cz_block blocks[20];
    uint32_t order[20];
    size_t total;
    for (size_t i = 0; i < 20; i++) blocks[i] = (cz_block){.bytes = 6400, .first = i, .last = i + 1};
    assert_true(cz_arena_place(blocks, 20, SIZE_MAX, order, &total));
    assert_int_equal(total, 2 * 6400);
}

/** What lives long is at the bottom, where larger ones that come and go lie over it. */
static void test_arena_long_lives_first(void **state) {
    (void)state;
    cz_block blocks[3] = {{.bytes = 6400, .last = 1}, {.bytes = 64, .last = 9}, {.bytes = 128, .first = 5, .last = 6}};
    uint32_t order[3];
    size_t total;
    assert_true(cz_arena_place(blocks, 3, 5, order, &total));
    assert_int_equal(total, 6464);
    assert_int_equal(blocks[1].offset, 0);
    assert_int_equal(blocks[2].offset, 64);
    assert_true(cz_arena_place(blocks, 3, SIZE_MAX, order, &total));
    assert_int_equal(total, 6464);
    assert_int_equal(blocks[1].offset, 6400);
}

static void test_arena_overflow(void **state) {
    (void)state;
    cz_block blocks[2] = {{.bytes = SIZE_MAX - 100}, {.bytes = SIZE_MAX - 200}};
    uint32_t order[2];
    size_t total;
    assert_false(cz_arena_place(blocks, 2, SIZE_MAX, order, &total));
}

/* ---------------------------------------------------------------- plans */

typedef struct {
    unsigned char *bytes;
    cz_file file;
    cz_model *model;
    cz_weights *weights;
    cz_alloc alloc;
} loaded;

static loaded load(void (*build)(mb_model *m), int32_t cpu) {
    loaded l = {.alloc = cz_alloc_make(NULL, NULL, NULL)};
    cz_error err = {0};
    size_t size;
    mb_model *m = calloc(1, sizeof *m);
    assert_non_null(m);
    build(m);
    mb_write(m, &l.bytes, &size);
    mb_free(m);
    free(m);
    if (cz_file_open(&l.file, l.bytes, size, &err) != COLORIZER_OK) fail_msg("%s", err.text);
    const int32_t made = cz_model_make(&l.model, &l.file, &l.alloc, &err);
    if (made != COLORIZER_OK) fail_msg("%s", err.text);
    assert_int_equal(cz_weights_make(&l.weights, l.model, cpu, &l.alloc, &err), COLORIZER_OK);
    return l;
}

static void unload(loaded *l) {
    cz_weights_free(l->weights, &l->alloc);
    cz_model_free(l->model, &l->alloc);
    free(l->bytes);
}

static void fill_inputs(const loaded *l, const cz_plan *p, void *arena) {
    for (uint32_t i = 0; i < l->model->n_inputs; i++) {
        float *x = cz_plan_tensor(p, arena, i);
        for (size_t k = 0; k < cz_elements(&p->shapes[i]); k++) x[k] = (float)(k * 37 % 101) / 50.0f - 1.0f;
    }
}

/** Every step's scratch, of each thread, is in the arena and apart from what the step reads and writes and from what is
 *  still wanted; there is no more room than for all at once. */
static void check_scratch(const cz_plan *p) {
    const cz_model *m = p->model;
    size_t *last = calloc(m->n_tensors, sizeof *last), most = 0, all = 0;
    assert_non_null(last);
    for (size_t i = 0; i < m->n_ops; i++)
        for (size_t k = 0; k < CZ_MAX_INPUTS; k++)
            if (m->ops[i].in[k] != CZ_NO_TENSOR) last[m->ops[i].in[k]] = i;
    for (size_t i = 0; i < m->n_outputs; i++) last[m->outputs[i].tensor] = m->n_ops;
    for (uint32_t t = 0; t < m->n_tensors; t++)
        if (p->offsets[t] != CZ_NO_OFFSET)
            all = cz_max(all, p->offsets[t] + cz_elements(&p->shapes[t]) * sizeof(float));
    for (size_t i = 0; i < p->n_steps; i++) {
        const size_t bytes = p->steps[i].call.scratch, needed = (p->threads - 1) * p->scratch + bytes;
        most = cz_max(most, bytes);
        if (bytes == 0) continue;
        assert_true(bytes <= p->scratch && needed <= p->arena_bytes);
        for (uint32_t t = 0; t < m->n_tensors; t++) {
            const size_t born = cz_model_is_op(m, t) ? t - cz_model_op_tensor(m, 0) : 0;
            const size_t count = cz_elements(&p->shapes[t]);
            const size_t size = cz_model_type(m, t) == CZ_TYPE_U8 ? count + CZ_U8_SLACK : count * sizeof(float);
            if (p->offsets[t] != CZ_NO_OFFSET && born <= i && i <= cz_max(last[t], born))
                assert_true(p->offsets[t] + size <= p->arena_bytes - needed);
        }
    }
    assert_int_equal(p->scratch, most);
    assert_true(p->arena_bytes <= all + CZ_ALIGN + p->threads * most);
    free(last);
}

/** Outputs are the same whatever the arena held before, and whatever runs the units. */
static void test_every_operator_runs(void **state) {
    (void)state;
    for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++) {
        if (!cz_cpu_supported(cpu)) continue;
        loaded l = load(mb_every_operator, cpu);
        cz_error err = {0};
        cz_shape shape[CZ_MAX_INPUTS];
        for (uint32_t i = 0; i < l.model->n_inputs; i++) {
            const uint32_t *d = l.model->inputs[i].dims;
            shape[i] = (cz_shape){{1, d[1] != 0 ? d[1] : 24, d[2] != 0 ? d[2] : 16, d[3]}};
        }
        cz_plan *p;
        assert_int_equal(cz_plan_make(&p, l.model, l.weights, shape, 2, &l.alloc, &err), COLORIZER_OK);
        assert_true(p->steps[p->n_steps - 1].done > 0.999f);
        check_scratch(p);
        const cz_exec one = {.threads = 1};
        unsigned char *arena = cz_alloc_get(&l.alloc, p->arena_bytes);
        unsigned char *other = cz_alloc_get(&l.alloc, p->arena_bytes);
        memset(arena, 0xFF, p->arena_bytes); /* NaN everywhere */
        memset(other, 0x11, p->arena_bytes);
        fill_inputs(&l, p, arena);
        fill_inputs(&l, p, other);
        assert_true(cz_run(p, arena, &one, NULL, NULL));
        assert_true(cz_run(p, other, &one, NULL, NULL));
        for (uint32_t i = 0; i < l.model->n_outputs; i++) {
            const uint32_t t = l.model->outputs[i].tensor;
            const size_t bytes = cz_elements(&p->shapes[t]) * sizeof(float);
            assert_memory_equal(cz_plan_tensor(p, arena, t), cz_plan_tensor(p, other, t), bytes);
        }
        cz_alloc_put(&l.alloc, arena, p->arena_bytes);
        cz_alloc_put(&l.alloc, other, p->arena_bytes);
        cz_plan_free(p, &l.alloc);
        unload(&l);
    }
}

enum { PADDED = 47, ROWS = 24, COLUMNS = 16, SPACED = 18 }; /* channels that are padded to 48; operators of `spaced` */

static mb_tensor convolve(mb_model *m, mb_tensor x, uint32_t in, uint32_t out, uint32_t side, int32_t groups,
                          mb_tensor residual) {
    cz_attr a = mb_attr(CZ_OP_conv2d);
    a.conv2d.pad_top = a.conv2d.pad_left = a.conv2d.pad_bottom = a.conv2d.pad_right = (int32_t)side / 2;
    a.conv2d.groups = groups;
    a.conv2d.act = CZ_ACT_LEAKY_RELU;
    a.conv2d.act_p0 = 0.1f;
    a.conv2d.residual = residual == CZ_NO_TENSOR ? 0 : 2;
    const mb_tensor inputs[] = {x,
                                mb_constant(m, "", CZ_F32, out, side, side, in / (uint32_t)groups),
                                mb_vector(m, "", out),
                                mb_vector(m, "", out),
                                mb_vector(m, "", out),
                                residual};
    return mb_op(m, "", CZ_OP_conv2d, &a, inputs, CZ_COUNT(inputs));
}

static mb_tensor concatenate(mb_model *m, mb_tensor x, mb_tensor y, mb_tensor z) {
    cz_attr a = mb_attr(CZ_OP_concat);
    a.concat.axis = 3;
    return mb_op3(m, CZ_OP_concat, &a, x, y, z);
}

static mb_tensor pool(mb_model *m, mb_tensor x, int32_t kind) {
    cz_attr a = mb_attr(CZ_OP_pool2d);
    a.pool2d.kind = kind;
    a.pool2d.kernel_h = a.pool2d.kernel_w = 3;
    a.pool2d.pad_top = a.pool2d.pad_left = a.pool2d.pad_bottom = a.pool2d.pad_right = 1;
    return mb_op3(m, CZ_OP_pool2d, &a, x, CZ_NO_TENSOR, CZ_NO_TENSOR);
}

/** What writes and reads spaced pixels: direct, Winograd and depthwise convolution, concatenation, pixel shuffle,
 *  resizing, pooling both ways. Every result is an output, or the last one only. Operators: 0 and 1 are padded, 3 goes
 *  to 4, and 4 to 7 are padded; 9, 10 and 11 go to 12, 14 and 15 to 16. */
static void spaced(mb_model *m, bool all) {
    cz_attr twice = mb_attr(CZ_OP_pixel_shuffle);
    twice.pixel_shuffle.factor = 2;
    const mb_tensor image = mb_input(m, "image", 1, 2 * ROWS, 2 * COLUMNS, 3), none = CZ_NO_TENSOR;
    const mb_tensor x = mb_input(m, "x", 1, ROWS, COLUMNS, 3);
    cz_attr same = mb_attr(CZ_OP_resize); /* in size */
    same.resize.mode = 1;
    mb_tensor t[SPACED];
    t[0] = convolve(m, x, 3, PADDED, 3, 1, none);
    t[1] = convolve(m, t[0], PADDED, PADDED, 3, 1, t[0]);
    t[2] = convolve(m, t[1], PADDED, 4 * (PADDED - 3), 1, 1, none);
    t[3] = mb_op3(m, CZ_OP_pixel_shuffle, &twice, t[2], none, none);
    t[4] = concatenate(m, t[3], image, none);
    t[5] = convolve(m, t[4], PADDED, PADDED, 3, 1, none);
    t[6] = convolve(m, t[5], PADDED, PADDED, 3, 1, t[4]);
    t[7] = convolve(m, t[6], PADDED, PADDED, 3, PADDED, none);
    t[8] = convolve(m, t[7], PADDED, 16, 1, 1, none);
    t[9] = convolve(m, t[7], PADDED, 32, 3, 1, none);
    t[10] = convolve(m, t[8], 16, 16, 3, 16, none);
    t[11] = mb_op3(m, CZ_OP_resize, &same, t[8], none, none);
    t[12] = concatenate(m, t[10], t[9], t[11]);
    t[13] = convolve(m, t[12], 64, 4, 3, 1, none);
    t[14] = pool(m, t[13], 0);
    t[15] = pool(m, t[13], 1);
    t[16] = concatenate(m, t[14], t[15], none);
    t[17] = convolve(m, t[16], 8, 2, 3, 1, none);
    for (size_t i = all ? 0 : CZ_COUNT(t) - 1; i < CZ_COUNT(t); i++) mb_output(m, &"abcdefghijklmnopqr"[i], t[i]);
}
static void spaced_alone(mb_model *m) { spaced(m, false); }
static void dense_all(mb_model *m) { spaced(m, true); }

/** The last output's values, to be freed; how the results of operators lie, to `step`, and whether written in place. */
static float *run_spaced(void (*build)(mb_model *), int32_t cpu, size_t *count, size_t step[SPACED],
                         bool in_place[SPACED]) {
    loaded l = load(build, cpu);
    cz_error err = {0};
    const cz_shape shape[2] = {{{1, 2 * ROWS, 2 * COLUMNS, 3}}, {{1, ROWS, COLUMNS, 3}}};
    const cz_exec one = {.threads = 1};
    cz_plan *p;
    assert_int_equal(cz_plan_make(&p, l.model, l.weights, shape, 1, &l.alloc, &err), COLORIZER_OK);
    unsigned char *arena = cz_alloc_get(&l.alloc, p->arena_bytes);
    memset(arena, 0xFF, p->arena_bytes); /* NaN everywhere */
    fill_inputs(&l, p, arena);
    assert_true(cz_run(p, arena, &one, NULL, NULL));
    for (uint32_t i = 0; i < SPACED; i++) {
        const size_t host = p->steps[i < 4 ? 4 : i < 12 ? 12 : 16].out, at = p->steps[i].out;
        step[i] = p->steps[i].call.out_step;
        in_place[i] = (i == 3 && at == host) || (i == 10 && at == host) ||
                      (i == 9 && at == host + 16 * sizeof(float)) || (i == 11 && at == host + 48 * sizeof(float)) ||
                      (i == 14 && at == host) || (i == 15 && at == host + 4 * sizeof(float));
    }
    const uint32_t t = l.model->outputs[l.model->n_outputs - 1].tensor;
    *count = cz_elements(&p->shapes[t]);
    float *y = malloc(*count * sizeof *y);
    assert_non_null(y);
    memcpy(y, cz_plan_tensor(p, arena, t), *count * sizeof *y);
    cz_alloc_put(&l.alloc, arena, p->arena_bytes);
    cz_plan_free(p, &l.alloc);
    unload(&l);
    return y;
}

/** Tensors that are padded or written in their place give the values of dense ones. */
static void test_spaced_pixels(void **state) {
    (void)state;
    static const size_t steps[SPACED] = {48, 48, 176, 48, 48, 48, 48, 48, 16, 64, 64, 64, 64, 4, 8, 8, 8, 2};
    for (int32_t cpu = COLORIZER_CPU_SCALAR; cpu <= CZ_CPU_LAST; cpu++) {
        if (!cz_cpu_supported(cpu)) continue;
        size_t count[2], step[2][SPACED];
        bool in_place[2][SPACED];
        float *y = run_spaced(spaced_alone, cpu, &count[0], step[0], in_place[0]);
        float *dense = run_spaced(dense_all, cpu, &count[1], step[1], in_place[1]);
        for (size_t i = 0; i < SPACED; i++) {
            static const size_t channels[SPACED] = {47, 47, 176, 44, 47, 47, 47, 47, 16, 32, 16, 16, 64, 4, 4, 4, 8, 2};
            assert_int_equal(step[0][i], steps[i]);
            assert_int_equal(in_place[0][i], i == 3 || (i >= 9 && i <= 11) || i == 14 || i == 15);
            assert_int_equal(step[1][i], channels[i]);
            assert_false(in_place[1][i]);
        }
        assert_int_equal(count[0], count[1]);
        assert_memory_equal(y, dense, count[0] * sizeof *y);
        float sum = 0;
        for (size_t i = 0; i < count[0]; i++) sum += y[i] < 0 ? -y[i] : y[i];
        assert_true(sum > 0 && sum < 1e6f * (float)count[0]); /* not all 0, and no NaN of the arena */
        free(y);
        free(dense);
    }
}

static void test_plan_refuses_sizes(void **state) {
    (void)state;
    loaded l = load(mb_every_operator, COLORIZER_CPU_SCALAR);
    cz_error err = {0};
    cz_plan *p = (cz_plan *)&l;
    cz_shape shape[CZ_MAX_INPUTS];
    for (uint32_t i = 0; i < l.model->n_inputs; i++) shape[i] = (cz_shape){{1, 7, 7, 3}};
    assert_int_equal(cz_plan_make(&p, l.model, l.weights, shape, 1, &l.alloc, &err), COLORIZER_E_MODEL);
    assert_null(p);
    unload(&l);
}

enum { FAR_KERNEL = 256, FAR_DILATION = 64, FAR_SIDE = 16384 };

/** A depthwise convolution whose lines of input are hundreds of megabytes. */
static void far_apart(mb_model *m) {
    cz_attr a = mb_attr(CZ_OP_conv2d);
    a.conv2d.dilation_h = a.conv2d.dilation_w = FAR_DILATION;
    a.conv2d.groups = 2;
    const mb_tensor x = mb_input(m, "x", 1, FAR_SIDE, FAR_SIDE, 2),
                    w = mb_constant(m, "w", CZ_F32, 2, FAR_KERNEL, FAR_KERNEL, 1);
    mb_output(m, "y", mb_op3(m, CZ_OP_conv2d, &a, x, w, CZ_NO_TENSOR));
}

static void test_plan_refuses_much_scratch(void **state) {
    (void)state;
    const cz_shape shape = {{1, FAR_SIDE, FAR_SIDE, 2}};
    loaded l = load(far_apart, COLORIZER_CPU_SCALAR);
    cz_error err = {0};
    cz_plan *p = NULL;
    assert_int_equal(cz_plan_make(&p, l.model, l.weights, &shape, 1, &l.alloc, &err), COLORIZER_E_MODEL);
    assert_null(p);
    assert_non_null(strstr(err.text, "operator 0: "));
    assert_non_null(strstr(err.text, "bytes of scratch a thread, more than 67108864"));
    unload(&l);
}

/* ---------------------------------------------------------------- splitting work */

typedef struct {
    atomic_uchar seen[1000];
    atomic_int busy[CZ_MAX_THREADS];
    atomic_bool shared_slot;
} tally;

static void count_units(void *context, size_t begin, size_t end, uint32_t slot) {
    tally *t = context;
    if (atomic_fetch_add(&t->busy[slot], 1) != 0) atomic_store(&t->shared_slot, true);
    for (size_t i = begin; i < end; i++) atomic_fetch_add(&t->seen[i], 1);
    atomic_fetch_sub(&t->busy[slot], 1);
}

static void test_exec_covers_each_unit_once(void **state) {
    (void)state;
    const cz_alloc a = cz_alloc_make(NULL, NULL, NULL);
    for (uint32_t threads = 1; threads <= 8; threads++) {
        cz_pool *pool = cz_pool_make(threads, &a);
#if defined(CZ_THREADS)
        assert_non_null(pool);
#endif
        const cz_exec x = {.runner = pool == NULL ? NULL : cz_pool_run, .user = pool, .threads = threads};
        for (size_t units = 0; units <= 1000; units += 1 + units / 3)
            for (size_t grain = 0; grain < 40; grain += 13) {
                tally *t = calloc(1, sizeof *t);
                assert_true(cz_exec_for(&x, units, grain, count_units, t));
                for (size_t i = 0; i < 1000; i++) assert_int_equal(atomic_load(&t->seen[i]), i < units);
                assert_false(atomic_load(&t->shared_slot));
                free(t);
            }
        cz_pool_free(pool, &a);
    }
}

static void test_exec_cancels(void **state) {
    (void)state;
    atomic_int cancel = 1;
    const cz_exec x = {.threads = 1, .cancel = &cancel};
    tally *t = calloc(1, sizeof *t);
    assert_false(cz_exec_for(&x, 100, 1, count_units, t));
    for (size_t i = 0; i < 100; i++) assert_int_equal(atomic_load(&t->seen[i]), 0);
    free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena_random),
        cmocka_unit_test(test_arena_chain_is_tight),
        cmocka_unit_test(test_arena_long_lives_first),
        cmocka_unit_test(test_arena_overflow),
        cmocka_unit_test(test_every_operator_runs),
        cmocka_unit_test(test_plan_refuses_sizes),
        cmocka_unit_test(test_exec_covers_each_unit_once),
        cmocka_unit_test(test_exec_cancels),
        cmocka_unit_test(test_plan_refuses_much_scratch),
        cmocka_unit_test(test_spaced_pixels),
    };
    return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
