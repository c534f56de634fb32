/* SPDX-License-Identifier: BSD-2-Clause */
#include "image/alternatives.h"

#include <string.h>

/** Rows rendered between two looks at progress and cancellation hold about this many pixels: some ten milliseconds. */
#define STRIP_PIXELS ((size_t)1 << 19)

/* ---------------------------------------------------------------- memory */

static int32_t check_outputs(const cz_pipeline *p, cz_error *err) {
    const cz_network *n = p->network;
    const cz_grid *g = &p->job.grid;
    const cz_shape *logits = &p->plan->shapes[n->logits];
    if (logits->d[0] != 1 || logits->d[1] != g->ch || logits->d[2] != g->cw || logits->d[3] != n->bins)
        return cz_fail(err, COLORIZER_E_MODEL, "output 'logits' is %ux%ux%u, not a quarter of the image", logits->d[1],
                       logits->d[2], logits->d[3]);
    if (n->residual == CZ_NO_TENSOR) return COLORIZER_OK;
    const cz_shape *residual = &p->plan->shapes[n->residual];
    if (residual->d[0] != 1 || residual->d[1] != g->ch || residual->d[2] != g->cw ||
        (residual->d[3] != CZ_SAFE_CHANNELS && residual->d[3] != CZ_VIVID_CHANNELS))
        return cz_fail(err, COLORIZER_E_MODEL, "output 'residual' is %ux%ux%u, not a quarter of the image by 2 or 5",
                       residual->d[1], residual->d[2], residual->d[3]);
    return COLORIZER_OK;
}

/** Where in the transient memory a search for alternatives keeps what it knows: past the network and the hints' work.
 */
static bool search_at(const cz_grid *g, const cz_plan *plan, size_t *out) {
    size_t hints;
    return cz_mul(cz_spread_work(g), sizeof(float), &hints) && cz_align_up(cz_max(hints, plan->arena_bytes), out);
}

/** Bytes that the stages share in turn: the network's arena and work of the hints, with a search behind; scratch of
 *  lightness; work and scratch of upsampling; scratch of rendering. */
static bool transient_bytes(const cz_grid *g, const cz_plan *plan, uint32_t threads, size_t *out) {
    size_t light, search, more, upsample, work, render;
    if (!search_at(g, plan, &search) || !cz_alternatives_bytes(g, &more) || !cz_add(search, more, &search) ||
        !cz_mul(cz_lightness_scratch(g), threads, &light) || !cz_mul(cz_upsample_scratch(g), threads, &upsample) ||
        !cz_mul(cz_upsample_work(g), sizeof(float), &work) || !cz_align_up(work, &work) ||
        !cz_add(upsample, work, &upsample) || !cz_mul(cz_render_scratch(g), threads, &render))
        return false;
    *out = cz_max(cz_max(light, search), cz_max(upsample, render));
    return true;
}

/** The block of a pipeline: lays it out and, given a base, sets the pointers. */
static bool lay_out(cz_pipeline *p, unsigned char *base, const cz_grid *g, const cz_plan *plan, uint32_t threads,
                    size_t *end) {
    const size_t pixels = (size_t)g->pw * g->ph, cells = (size_t)g->cw * g->ch;
    size_t light, ab, confidence, fit, spots, transient, bytes;
    *end = sizeof(cz_pipeline);
    if (!transient_bytes(g, plan, threads, &bytes) || !cz_layout(end, pixels, sizeof(float), &light) ||
        !cz_layout(end, 2 * cells, sizeof(float), &ab) || !cz_layout(end, cells, sizeof(float), &confidence) ||
        !cz_layout(end, cz_fit_size(g), sizeof(float), &fit) ||
        !cz_layout(end, COLORIZER_MAX_HINTS, sizeof(cz_spot), &spots) || !cz_layout(end, bytes, 1, &transient))
        return false;
    if (base == NULL) return true;
    p->light = (float *)(void *)(base + light);
    p->ab = (float *)(void *)(base + ab);
    p->confidence = (float *)(void *)(base + confidence);
    p->fit = (float *)(void *)(base + fit);
    p->spots = (cz_spot *)(void *)(base + spots);
    p->transient = base + transient;
    return true;
}

int32_t cz_pipeline_make(cz_pipeline **out, const cz_network *network, const cz_weights *weights,
                         const cz_color_kernels *kernels, const cz_color_tables *tables, uint32_t width,
                         uint32_t height, uint32_t short_side, uint32_t threads, const cz_alloc *a, cz_error *err) {
    cz_grid grid;
    cz_plan *plan;
    size_t bytes;
    *out = NULL;
    cz_grid_init(&grid, width, height, short_side == 0 ? network->short_side : short_side, network->multiple, CZ_CELL);
    const cz_shape input = {{1, grid.ph, grid.pw, CZ_INPUT_CHANNELS}};
    int32_t status = cz_plan_make(&plan, network->model, weights, &input, threads, a, err);
    if (status != COLORIZER_OK) return status;
    if (!lay_out(NULL, NULL, &grid, plan, threads, &bytes)) {
        cz_plan_free(plan, a);
        return cz_fail(err, COLORIZER_E_MEMORY, "the working image does not fit the address space");
    }
    cz_pipeline *p = cz_alloc_get(a, bytes);
    if (p == NULL) {
        cz_plan_free(plan, a);
        return cz_fail(err, COLORIZER_E_MEMORY, "no memory for a working image of %zu bytes", bytes);
    }
    *p = (cz_pipeline){.network = network,
                       .plan = plan,
                       .job = {.k = kernels, .tables = tables, .grid = grid},
                       .threads = threads,
                       .short_side = short_side,
                       .bytes = bytes};
    lay_out(p, (unsigned char *)p, &grid, plan, threads, &bytes);
    status = check_outputs(p, err);
    if (status == COLORIZER_OK)
        *out = p;
    else
        cz_pipeline_free(p, a);
    return status;
}

void cz_pipeline_free(cz_pipeline *p, const cz_alloc *a) {
    if (p == NULL) return;
    cz_plan *plan = p->plan;
    cz_alloc_put(a, p, p->bytes); /* reverse order of making */
    cz_plan_free(plan, a);
}

/* ---------------------------------------------------------------- running */

/** How far the picture departs at a vividness of 0 or more: linear between the rows of color.vividness, held at its
 * end. */
static float departure_at(const cz_network *n, float v) {
    const float *row = n->vividness, *last = row + 2 * (n->vividness_rows - 1);
    while (row < last && v >= row[2]) row += 2;
    return row == last ? row[1] : row[1] + (v - row[0]) / (row[2] - row[0]) * (row[3] - row[1]);
}

/** Turns the parts' own shares into one that rises over the whole call. Shares are in rough cycles: a multiply-add
 *  of the network takes a tenth, a pixel twenty when it is read and eighty when it is rendered. */
typedef struct {
    const cz_settings *settings;
    double before, part, total;
} progress;

static int32_t report(void *user, float done) {
    const progress *g = user;
    if (g->settings->progress == NULL) return 0;
    const double share = (g->before + g->part * (double)done) / g->total;
    return g->settings->progress(g->settings->progress_user, share < 1 ? (float)share : 1.0f);
}

/** Ends a part; true when the host wants to stop. */
static bool part_done(progress *g, double next) {
    const bool stop = report(g, 1.0f) != 0;
    g->before += g->part;
    g->part = next;
    return stop;
}

static bool wishes_any(const cz_wishes *w) {
    return (w->colours > 0 && w->palette_strength > 0) || w->tint[0] != 0 || w->tint[1] != 0;
}

bool cz_pipeline_infer(cz_pipeline *p, const cz_settings *settings, const cz_spot *spots, size_t count,
                       cz_progress_fn tell, void *user, cz_chroma_in *in) {
    const cz_network *n = p->network;
    cz_network_input(&p->job, p->light, spots, count, cz_plan_tensor(p->plan, p->transient, 0));
    if (!cz_run(p->plan, p->transient, p->job.exec, tell, user)) return false;
    *in = (cz_chroma_in){.centers = n->centers,
                         .log_weight = n->log_weight,
                         .bins = n->bins,
                         .vividness = departure_at(n, settings->vividness),
                         .wishes = wishes_any(&settings->wishes) ? &settings->wishes : NULL,
                         .logits = cz_plan_tensor(p->plan, p->transient, n->logits)};
    if (n->residual != CZ_NO_TENSOR) {
        in->residual = cz_plan_tensor(p->plan, p->transient, n->residual);
        in->channels = p->plan->shapes[n->residual].d[3];
    }
    return true;
}

/** What the network makes of the photograph, as chroma on its grid. */
static bool look(cz_pipeline *p, const cz_settings *settings, progress *g) {
    cz_chroma_in in;
    p->touches.spots = p->spots;
    p->touches.n_spots = cz_spots(&p->job, settings->hints, settings->n_hints, p->spots);
    /* The hints' work takes the place of the logits, which chroma has read. */
    return cz_pipeline_infer(p, settings, p->spots, p->touches.n_spots, report, g, &in) &&
           cz_chroma(&p->job, &in, p->ab, p->confidence) &&
           cz_spread_hints(&p->job, p->light, p->spots, p->touches.n_spots, p->ab, (float *)(void *)p->transient);
}

/** Makes the lines that are rendered, with the strengths of hues as they are set. */
static bool fit(cz_pipeline *p, const cz_settings *settings) {
    const size_t work = (cz_upsample_work(&p->job.grid) * sizeof(float) + CZ_ALIGN - 1) & ~(size_t)(CZ_ALIGN - 1);
    memcpy(p->touches.hues, settings->hues, sizeof p->touches.hues);
    p->fitted =
        cz_upsample(&p->job, p->light, p->ab, &p->touches, p->fit, (float *)(void *)p->transient, p->transient + work);
    return p->fitted;
}

/** The same, if they are not made yet. */
static bool fit_if_needed(cz_pipeline *p, const cz_settings *settings) {
    if (p->fitted && memcmp(p->touches.hues, settings->hues, sizeof p->touches.hues) == 0) return true;
    return fit(p, settings);
}

/** Rows of a picture that are worked on strip by strip, so that a host is never without news for long. */
typedef struct {
    cz_pipeline *p;
    const cz_pixels *src, *dst;
    const cz_frame *frame;
    float strength;
    size_t first;
} strip;

/** Runs `range` over `height` rows, each of `pixels` of the host's, and reports between strips; part_done() does at the
 *  end. */
static bool by_strips(strip *s, size_t height, size_t pixels, cz_range_fn range, progress *g) {
    const size_t rows = cz_max(s->p->threads, STRIP_PIXELS / cz_max(1, pixels));
    for (s->first = 0; s->first < height; s->first += rows) {
        const size_t count = cz_min(rows, height - s->first);
        if (!cz_exec_for(s->p->job.exec, count, 0, range, s)) return false;
        if (s->first + count < height && report(g, (float)(s->first + count) / (float)height) != 0) return false;
    }
    return true;
}

static void light_range(void *context, size_t begin, size_t end, uint32_t slot) {
    const strip *s = context;
    cz_lightness_rows(&s->p->job, s->src, s->p->light, s->first + begin, s->first + end,
                      s->p->transient + slot * cz_lightness_scratch(&s->p->job.grid));
}

static bool lightness(cz_pipeline *p, const cz_pixels *src, progress *g) {
    const cz_grid *grid = &p->job.grid;
    strip s = {.p = p, .src = src};
    if (!by_strips(&s, grid->h, (size_t)src->width * src->height / grid->h, light_range, g)) return false;
    cz_lightness_pad(grid, p->light);
    return true;
}

static void render_range(void *context, size_t begin, size_t end, uint32_t slot) {
    const strip *s = context;
    cz_render_rows(&s->p->job, s->src, s->dst, s->frame, s->p->fit, s->strength, s->first + begin, s->first + end,
                   s->p->transient + slot * cz_render_scratch(&s->p->job.grid));
}

static bool render(cz_pipeline *p, const cz_pixels *src, const cz_pixels *dst, const cz_frame *frame, progress *g) {
    strip s = {.p = p, .src = src, .dst = dst, .frame = frame, .strength = g->settings->strength};
    return by_strips(&s, dst->height, dst->width, render_range, g) && !part_done(g, 0);
}

static int32_t ended(cz_pipeline *p, bool done, cz_error *err) {
    p->job.exec = NULL;
    return done ? COLORIZER_OK : cz_fail(err, COLORIZER_E_CANCELLED, "the call was cancelled");
}

int32_t cz_pipeline_run(cz_pipeline *p, const cz_exec *exec, const cz_pixels *src, const cz_pixels *dst,
                        const cz_settings *settings, cz_error *err) {
    const double pixels = (double)src->width * src->height, net = p->plan->work / 10;
    const double last = dst == NULL ? 1 : 80 * pixels;
    progress g = {.settings = settings, .part = 20 * pixels, .total = 20 * pixels + net + last};
    const cz_frame whole = {0, 0, src->width, src->height, NULL};
    p->analyzed = false;
    p->job.exec = exec;
    p->analyzed = lightness(p, src, &g) && !part_done(&g, net) && look(p, settings, &g) && !part_done(&g, last) &&
                  fit(p, settings);
    const bool rest = p->analyzed && (dst == NULL ? !part_done(&g, 0) : render(p, src, dst, &whole, &g));
    p->analyzed = p->analyzed && rest;
    return ended(p, rest, err);
}

int32_t cz_pipeline_render(cz_pipeline *p, const cz_exec *exec, const cz_pixels *src, const cz_pixels *dst,
                           const cz_frame *frame, const cz_settings *settings, cz_error *err) {
    progress g = {.settings = settings, .part = 1, .total = 1};
    p->job.exec = exec;
    return ended(p, fit_if_needed(p, settings) && render(p, src, dst, frame, &g), err);
}

/** What a colour looks like at a lightness: rendered as a pixel is. */
static void show(const cz_color_job *job, float light, const cz_mode *mode, float *srgb) {
    static const cz_layout_px px = {.sample = CZ_SAMPLE_F32, .channels = 3, .green = 1, .blue = 2};
    const float slope = 0.0f, all = 1.0f, *const lines[4] = {&slope, &mode->a, &slope, &mode->b};
    const float f = (light + 16.0f) / 116.0f,
                y = f > 24.0f / 116.0f ? f * f * f : (f - 16.0f / 116.0f) * 108.0f / 841.0f;
    float red, green, blue;
    job->k->colour(&cz_primaries_srgb, false, lines, 1, 1.0f, 0, &y, &light, &all, 1, &red, &green, &blue);
    job->k->encode(job->tables, px, &y, &red, &green, &blue, 1, srgb);
}

int32_t cz_pipeline_suggest(cz_pipeline *p, const cz_exec *exec, double x, double y, const cz_settings *settings,
                            cz_mode *modes, float (*srgb)[3], size_t most, size_t *count, cz_error *err) {
    const cz_grid *g = &p->job.grid;
    const size_t wx = cz_min((size_t)(x * g->w / g->width), g->w - 1),
                 wy = cz_min((size_t)(y * g->h / g->height), g->h - 1);
    progress done = {.settings = settings, .part = 1, .total = 1};
    cz_chroma_in in;
    p->job.exec = exec;
    *count = 0;
    if (!cz_pipeline_infer(p, settings, p->spots, p->touches.n_spots, report, &done, &in)) return ended(p, false, err);
    const size_t cell = wy / g->cell * g->cw + wx / g->cell;
    cz_read_cell(&p->job, &in, cell);
    *count = cz_modes(&in, cell, modes, most);
    for (size_t i = 0; i < *count; i++) show(&p->job, p->light[wy * g->pw + wx], &modes[i], srgb[i]);
    return ended(p, true, err);
}

int32_t cz_pipeline_alternatives(cz_pipeline *p, const cz_exec *exec, const cz_settings *settings, uint64_t seed,
                                 size_t wanted, float *probability, colorizer_hint *hints, size_t *count,
                                 cz_error *err) {
    size_t at = 0;
    p->job.exec = exec;
    const bool done = search_at(&p->job.grid, p->plan, &at) && /* it did when the pipeline was made */
                      cz_alternatives(p, settings, seed, wanted, p->transient + at, probability, hints, count);
    return ended(p, done, err);
}

void cz_pipeline_confidence(const cz_pipeline *p, const cz_pixels *dst) { cz_confidence(&p->job, p->confidence, dst); }
