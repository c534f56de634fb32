/* SPDX-License-Identifier: BSD-2-Clause */
#include "handle.h"

#include <string.h>

#include "base/cpu.h"
#include "base/load.h"
#include "kernels/isa.h"

#if defined(CZ_BUILTIN_MODEL)
extern const unsigned char cz_builtin_begin[], cz_builtin_end[];
#endif

/* ---------------------------------------------------------------- the shared model */

static void shared_free(cz_shared *s) {
    const cz_alloc alloc = s->alloc;
    cz_weights_free(atomic_load(&s->weights), &alloc); /* reverse order of making, for static buffers */
    cz_model_free(s->model, &alloc);
    cz_alloc_put(&alloc, s->owned, s->owned_bytes);
    cz_alloc_put(&alloc, s, sizeof *s);
}

/** A model in memory: in the library, or at the caller's. The weights are packed when first needed. */
static int32_t shared_in_memory(cz_shared *s, const cz_source *source, cz_error *err) {
    const void *bytes = source->bytes;
    size_t size = source->size;
    if (source->builtin) {
#if defined(CZ_BUILTIN_MODEL)
        bytes = cz_builtin_begin;
        size = (size_t)(cz_builtin_end - cz_builtin_begin);
#else
        return cz_fail(err, COLORIZER_E_NO_MODEL, "this library was built without a model");
#endif
    }
    const int32_t status = cz_file_open(&s->file, bytes, size, err);
    return status == COLORIZER_OK ? cz_model_make(&s->model, &s->file, &s->alloc, err) : status;
}

/** Reads and verifies the head of a file into memory of our own. */
static int32_t shared_head(cz_shared *s, cz_load *load, cz_error *err) {
    unsigned char header[CZ_FILE_HEADER] = {0};
    const size_t first = cz_min(load->size, sizeof header);
    int32_t status = cz_load_read(load, header, first, err);
    if (status != COLORIZER_OK) return status;
    s->owned_bytes = cz_file_head_bytes(header, load->size);
    s->owned = cz_alloc_get(&s->alloc, s->owned_bytes);
    if (s->owned == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "no memory for a model's records");
    memcpy(s->owned, header, first);
    status = cz_load_read(load, (unsigned char *)s->owned + first, s->owned_bytes - first, err);
    return status == COLORIZER_OK ? cz_file_open_head(&s->file, s->owned, s->owned_bytes, load->size, err) : status;
}

/** A model in a file: its weights are packed as they are read, so that they never lie in memory twice, and the file is
 *  closed before the handle is there: nothing that happens to it later matters. */
static int32_t shared_from_file(cz_shared *s, const char *path, cz_error *err) {
    cz_load load;
    cz_weights *weights = NULL;
    int32_t status = cz_load_open(&load, path, err);
    if (status != COLORIZER_OK) return status;
    status = shared_head(s, &load, err);
    if (status == COLORIZER_OK) status = cz_model_make(&s->model, &s->file, &s->alloc, err);
    if (status == COLORIZER_OK)
        status = cz_weights_read(&weights, s->model, &s->file, cz_load_read, &load, s->cpu, &s->alloc, err);
    atomic_store(&s->weights, weights);
    cz_load_close(&load);
    return status;
}

static int32_t shared_make(cz_shared **out, const cz_source *source, const cz_alloc *alloc, int32_t cpu,
                           cz_error *err) {
    cz_shared *s = cz_alloc_get(alloc, sizeof *s);
    *out = NULL;
    if (s == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "no memory for a model");
    s->alloc = *alloc;
    s->cpu = cpu;
    atomic_init(&s->handles, 0);
    atomic_init(&s->weights, NULL);
    cz_color_tables_init(&s->tables, cz_color(cpu));
    int32_t status = source->path != NULL ? shared_from_file(s, source->path, err) : shared_in_memory(s, source, err);
    if (status == COLORIZER_OK) {
        const int32_t colorizes = cz_network_make(&s->network, s->model, source->any_graph ? NULL : err);
        if (colorizes != COLORIZER_OK) s->network = (cz_network){.model = NULL};
        if (!source->any_graph) status = colorizes;
    }
    if (status == COLORIZER_OK)
        *out = s;
    else
        shared_free(s);
    return status;
}

/** The weights, packed by whoever needs them first. Two clones may both pack; one result is kept. No lock, so no
 *  handle ever waits for another. */
static int32_t shared_weights(cz_shared *s, const cz_weights **out, cz_error *err) {
    cz_weights *mine, *kept = atomic_load(&s->weights);
    if (kept == NULL) {
        const int32_t status = cz_weights_make(&mine, s->model, s->cpu, &s->alloc, err);
        if (status != COLORIZER_OK) return status;
        if (atomic_compare_exchange_strong(&s->weights, &kept, mine))
            kept = mine;
        else
            cz_weights_free(mine, &s->alloc);
    }
    *out = kept;
    return COLORIZER_OK;
}

/* ---------------------------------------------------------------- handles */

static colorizer *handle_make(cz_shared *shared, const cz_alloc *alloc) {
    colorizer *c = cz_alloc_get(alloc, sizeof *c);
    if (c == NULL) return NULL;
    c->shared = shared;
    c->alloc = *alloc;
    c->buffer = alloc->buffer != NULL && alloc->buffer->base != NULL ? alloc->buffer : NULL;
    atomic_init(&c->busy, 0);
    atomic_init(&c->cancel, 0);
    c->strength = 1.0f;
    for (size_t i = 0; i < COLORIZER_HUES; i++) c->hues[i] = 1.0f;
    c->vividness = shared->network.default_vividness;
    atomic_fetch_add(&shared->handles, 1);
    return c;
}

int32_t cz_handle_open(colorizer **out, const cz_source *source, const colorizer_options *options, cz_buffer *buffer,
                       cz_error *err) {
    cz_alloc alloc = cz_alloc_make(options->alloc, options->free, options->alloc_user);
    cz_shared *shared;
    alloc.buffer = buffer;
    *out = NULL;
    const int32_t status = shared_make(&shared, source, &alloc, cz_cpu_choose(options->cpu), err);
    if (status != COLORIZER_OK) return status;
    colorizer *c = handle_make(shared, &alloc);
    if (c == NULL) {
        shared_free(shared);
        return cz_fail(err, COLORIZER_E_MEMORY, "no memory for a handle");
    }
    c->threads = options->threads;
    *out = c;
    return COLORIZER_OK;
}

int32_t cz_handle_clone(colorizer **out, const colorizer *c, cz_error *err) {
    *out = NULL;
    if (c->buffer != NULL) return cz_fail(err, COLORIZER_E_UNSUPPORTED, "a handle in a static buffer cannot be cloned");
    colorizer *copy = handle_make(c->shared, &c->alloc);
    if (copy == NULL) return cz_fail(err, COLORIZER_E_MEMORY, "no memory for a handle");
    copy->threads = c->threads;
    copy->short_side = c->short_side;
    copy->strength = c->strength;
    copy->vividness = c->vividness;
    copy->wishes = c->wishes;
    memcpy(copy->hues, c->hues, sizeof copy->hues);
    copy->log = c->log;
    copy->log_user = c->log_user;
    copy->progress = c->progress;
    copy->progress_user = c->progress_user;
    copy->runner = c->runner;
    copy->runner_user = c->runner_user;
    copy->n_hints = c->n_hints;
    memcpy(copy->hints, c->hints, sizeof copy->hints);
    *out = copy;
    return COLORIZER_OK;
}

/** Gives back what was planned for the last size. */
static void forget_plans(colorizer *c) {
    cz_pipeline_free(c->pipeline, &c->alloc);
    c->pipeline = NULL;
    if (c->graph == NULL) return;
    cz_alloc_put(&c->alloc, c->graph_arena, c->graph->arena_bytes);
    cz_plan_free(c->graph, &c->alloc);
    c->graph_arena = NULL;
    c->graph = NULL;
}

void cz_handle_close(colorizer *c) {
    const cz_alloc alloc = c->alloc;
    cz_shared *shared = c->shared;
    forget_plans(c);
    cz_pool_free(c->pool, &alloc);
    cz_alloc_put(&alloc, c, sizeof *c);
    if (atomic_fetch_sub(&shared->handles, 1) == 1) shared_free(shared);
}

/** Threads that work is split for: as set, or one for each processor; in a static handle one. */
static uint32_t wanted_threads(const colorizer *c) {
    if (c->threads > 0) return (uint32_t)c->threads;
    return c->buffer != NULL ? 1 : cz_cpu_count();
}

int32_t cz_handle_prepare(colorizer *c, uint32_t width, uint32_t height, cz_error *err) {
    const cz_weights *weights;
    const cz_pipeline *p = c->pipeline;
    const uint32_t threads = wanted_threads(c);
    if (c->shared->network.model == NULL)
        return cz_fail(err, COLORIZER_E_MODEL, "the model is not a colorizer, only a graph");
    if (p != NULL && p->job.grid.width == width && p->job.grid.height == height && p->threads == threads &&
        p->short_side == c->short_side)
        return COLORIZER_OK;
    const int32_t status = shared_weights(c->shared, &weights, err);
    if (status != COLORIZER_OK) return status;
    forget_plans(c);
    return cz_pipeline_make(&c->pipeline, &c->shared->network, weights, cz_color(c->shared->cpu), &c->shared->tables,
                            width, height, c->short_side, threads, &c->alloc, err);
}

int32_t cz_handle_prepare_graph(colorizer *c, const cz_shape *inputs, cz_error *err) {
    const cz_weights *weights;
    const cz_model *m = c->shared->model;
    const uint32_t threads = wanted_threads(c);
    if (c->graph != NULL && c->graph->threads == threads &&
        memcmp(c->graph->shapes, inputs, m->n_inputs * sizeof *inputs) == 0)
        return COLORIZER_OK;
    if (c->buffer != NULL) return cz_fail(err, COLORIZER_E_UNSUPPORTED, "a static handle runs no graph by tensors");
    int32_t status = shared_weights(c->shared, &weights, err);
    if (status != COLORIZER_OK) return status;
    forget_plans(c);
    status = cz_plan_make(&c->graph, m, weights, inputs, threads, &c->alloc, err);
    if (status != COLORIZER_OK) return status;
    c->graph_arena = cz_alloc_get(&c->alloc, c->graph->arena_bytes);
    if (c->graph_arena != NULL) return COLORIZER_OK;
    const size_t bytes = c->graph->arena_bytes;
    forget_plans(c);
    return cz_fail(err, COLORIZER_E_MEMORY, "no memory for the graph's %zu bytes", bytes);
}

cz_exec cz_handle_exec(colorizer *c) {
    const uint32_t threads = wanted_threads(c);
    cz_exec x = {.runner = c->runner, .user = c->runner_user, .threads = threads, .cancel = &c->cancel};
    if (c->runner != NULL || threads == 1 || c->buffer != NULL) return x;
    if (c->pool_threads != threads) {
        cz_pool_free(c->pool, &c->alloc);
        c->pool = cz_pool_make(threads, &c->alloc);
        c->pool_threads = threads; /* one that could not be made is not tried again at each call */
    }
    if (c->pool != NULL) {
        x.runner = cz_pool_run;
        x.user = c->pool;
    }
    return x;
}

size_t cz_handle_memory(const colorizer *c) {
    const cz_shared *s = c->shared;
    const cz_weights *w = atomic_load(&c->shared->weights);
    size_t bytes = sizeof *c + sizeof *s + s->owned_bytes + s->model->bytes + (w == NULL ? 0 : w->bytes);
    if (c->pipeline != NULL) bytes += c->pipeline->bytes + c->pipeline->plan->bytes;
    if (c->graph != NULL) bytes += c->graph->bytes + c->graph->arena_bytes;
    return bytes;
}
