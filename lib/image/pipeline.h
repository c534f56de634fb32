/* SPDX-License-Identifier: BSD-2-Clause
 * The whole way of one photograph: the stages of image.h joined with the network. */
#ifndef CZ_IMAGE_PIPELINE_H
#define CZ_IMAGE_PIPELINE_H

#include "image/image.h"
#include "run/run.h"

/** The chroma grid is a quarter of the working image on each side. */
enum { CZ_CELL = 4 };

/** A model seen as a colorizer: its tensors by the names of docs/format.md, "The colorizer convention".
 *  Constant once made. */
typedef struct cz_network {
    const cz_model *model;
    uint32_t input, logits, residual; /* tensors; residual CZ_NO_TENSOR where the model has none */
    const float *centers, *log_weight, *vividness;
    size_t bins, vividness_rows;
    uint32_t short_side, multiple; /* defaults of the working image */
    float default_vividness;
} cz_network;

/** @return OK or E_MODEL: the graph is valid but does not colorize. */
int32_t cz_network_make(cz_network *n, const cz_model *model, cz_error *err);

/** What the user may set for a run. */
typedef struct cz_settings {
    float strength, vividness;
    cz_wishes wishes;
    float hues[COLORIZER_HUES];
    const colorizer_hint *hints;
    size_t n_hints;
    colorizer_progress_fn progress; /* may be NULL */
    void *progress_user;
} cz_settings;

/** Everything that depends on the photograph's size: plan and memory, made once and kept for the next photograph of
 *  that size. */
typedef struct cz_pipeline {
    const cz_network *network;
    cz_plan *plan;
    cz_color_job job;
    uint32_t threads, short_side; /* with job.grid.width and height: what it was made for */
    float *light, *ab, *confidence, *fit;
    cz_spot *spots;           /* [COLORIZER_MAX_HINTS], of the hints that the photograph was analyzed with */
    cz_touches touches;       /* that fit was made with */
    bool fitted;              /* fit is whole */
    unsigned char *transient; /* the network's arena, and the scratch of the stages before and after it */
    bool analyzed;            /* light, ab, confidence and fit are those of a photograph */
    size_t bytes;             /* of the one block that holds this struct and all but the plan */
} cz_pipeline;

/** @param short_side working size, 0: the model's. @return OK, E_MEMORY or E_MODEL. */
int32_t cz_pipeline_make(cz_pipeline **out, const cz_network *network, const cz_weights *weights,
                         const cz_color_kernels *kernels, const cz_color_tables *tables, uint32_t width,
                         uint32_t height, uint32_t short_side, uint32_t threads, const cz_alloc *a, cz_error *err);
void cz_pipeline_free(cz_pipeline *p, const cz_alloc *a);

/** Analyzes a checked image of the pipeline's size and, where dst is given, renders it. @return OK or E_CANCELLED. */
int32_t cz_pipeline_run(cz_pipeline *p, const cz_exec *exec, const cz_pixels *src, const cz_pixels *dst,
                        const cz_settings *settings, cz_error *err);
/** Renders a checked pair that lies at `frame`, inside it; `analyzed` must be true. @return OK or E_CANCELLED. */
int32_t cz_pipeline_render(cz_pipeline *p, const cz_exec *exec, const cz_pixels *src, const cz_pixels *dst,
                           const cz_frame *frame, const cz_settings *settings, cz_error *err);

/** The most probable colours of the photograph analyzed at a pixel of it, and what each looks like there in sRGB;
 *  runs the network. @return OK or E_CANCELLED. */
int32_t cz_pipeline_suggest(cz_pipeline *p, const cz_exec *exec, double x, double y, const cz_settings *settings,
                            cz_mode *modes, float (*srgb)[3], size_t most, size_t *count, cz_error *err);

/** Runs the network on the photograph analyzed with these spots; `in` is then its answer, in the transient memory.
 *  `settings` say how it is to be read. @return false when cancelled. */
bool cz_pipeline_infer(cz_pipeline *p, const cz_settings *settings, const cz_spot *spots, size_t count,
                       cz_progress_fn tell, void *user, cz_chroma_in *in);

/** Other colourings of the photograph analyzed: cz_alternatives. @return OK or E_CANCELLED. */
int32_t cz_pipeline_alternatives(cz_pipeline *p, const cz_exec *exec, const cz_settings *settings, uint64_t seed,
                                 size_t wanted, float *probability, colorizer_hint *hints, size_t *count,
                                 cz_error *err);

/** Renders the last run's confidence; `analyzed` must be true. */
void cz_pipeline_confidence(const cz_pipeline *p, const cz_pixels *dst);

#endif
