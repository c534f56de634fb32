/* SPDX-License-Identifier: BSD-2-Clause
 * What stands behind a `colorizer`: the shared model, the handle's own state, and how they are made. */
#ifndef CZ_HANDLE_H
#define CZ_HANDLE_H

#include "image/pipeline.h"
#include "run/pool.h"

/** A model and what is derived from it: immutable but for `weights`, which appear once, when first needed.
 *  Freed with the last handle. */
typedef struct cz_shared {
    atomic_uint handles;
    cz_alloc alloc;
    int32_t cpu;
    void *owned; /* the file's head, when the library read it */
    size_t owned_bytes;
    cz_file file;
    cz_model *model;
    cz_network network; /* all zero where the model is not a colorizer */
    cz_color_tables tables;
    _Atomic(cz_weights *) weights;
} cz_shared;

struct colorizer {
    cz_shared *shared;
    cz_alloc alloc;
    cz_buffer *buffer; /* a static handle's memory, else NULL */
    atomic_int busy, cancel;
    cz_error error; /* of the last failed call */

    int64_t threads; /* as set: 0 is automatic */
    uint32_t short_side;
    float strength, vividness;
    cz_wishes wishes;
    float hues[COLORIZER_HUES];
    colorizer_log_fn log;
    colorizer_progress_fn progress;
    colorizer_runner_fn runner;
    void *log_user, *progress_user, *runner_user;
    uint32_t n_hints;
    colorizer_hint hints[COLORIZER_MAX_HINTS];

    /* What the last size was planned for; of the two at most one is there. */
    cz_pipeline *pipeline; /* of a photograph */
    cz_plan *graph;        /* of a call by tensors, with its memory */
    unsigned char *graph_arena;
    cz_pool *pool;
    uint32_t pool_threads;
};

/** Where a model's bytes come from. Exactly one of path, bytes, builtin. */
typedef struct cz_source {
    const char *path;
    const void *bytes;
    size_t size;
    bool builtin;
    bool any_graph; /* a model that is not a colorizer will do: network.model is then NULL */
} cz_source;

/** Opens a handle. @param buffer a static handle's memory, or a counting buffer, or NULL.
 *  @param options checked. @return OK or an open error; *out is NULL then and nothing is left behind. */
int32_t cz_handle_open(colorizer **out, const cz_source *source, const colorizer_options *options, cz_buffer *buffer,
                       cz_error *err);
/** Another handle on c's model. */
int32_t cz_handle_clone(colorizer **out, const colorizer *c, cz_error *err);
void cz_handle_close(colorizer *c);

/** Makes sure that c->pipeline serves a photograph of this size with the settings as they are. */
int32_t cz_handle_prepare(colorizer *c, uint32_t width, uint32_t height, cz_error *err);
/** Makes sure that c->graph and its memory serve inputs of these shapes. */
int32_t cz_handle_prepare_graph(colorizer *c, const cz_shape *inputs, cz_error *err);
/** How this handle runs work now. Makes the pool when one is wanted; without one, one thread does all. */
cz_exec cz_handle_exec(colorizer *c);
/** Bytes held by the handle and by what it shares. */
size_t cz_handle_memory(const colorizer *c);

#endif
