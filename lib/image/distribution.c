/* SPDX-License-Identifier: BSD-2-Clause
 * From the network's distribution over bins to chroma on its grid, and to the colours that may be meant. */
#include "image/image.h"

/* ---------------------------------------------------------------- what the user wants */

#define PALETTE_NEAR 12.0f /* distance over which a palette's colour pulls */
#define PALETTE_MOST 8.0f  /* most that it takes off a logit */
#define TINT_SCALE   50.0f /* squared, the tint at which a logit rises by a bin's a or b */

/** What a palette takes off the logit of a bin, for its distance from the nearest colour. */
static float off_palette(const cz_wishes *w, float a, float b) {
    float nearest = 2.0f * PALETTE_MOST * PALETTE_NEAR * PALETTE_NEAR;
    if (w->colours == 0) return 0.0f;
    for (size_t i = 0; i < w->colours; i++) {
        const float da = a - w->palette[i][0], db = b - w->palette[i][1], d2 = da * da + db * db;
        if (d2 < nearest) nearest = d2;
    }
    return w->palette_strength * nearest / (2.0f * PALETTE_NEAR * PALETTE_NEAR);
}

static float wished(const cz_wishes *w, float a, float b) {
    return off_palette(w, a, b) - (a * w->tint[0] + b * w->tint[1]) / (TINT_SCALE * TINT_SCALE);
}

static void bins_init(cz_chroma_bins *bins, const cz_chroma_in *in) {
    bins->bins = in->bins;
    bins->inv_temperature = in->inv_temperature;
    for (size_t i = 0; i < CZ_COLOR_MAX_BINS; i++) {
        const bool real = i < in->bins;
        bins->weight_shift[i] = !real ? 1e30f : in->log_weight == NULL ? 0.0f : in->log_weight[i];
        bins->shift[i] = real ? in->weight_scale * bins->weight_shift[i] : 1e30f;
        bins->a[i] = real ? in->centers[2 * i] : 0.0f;
        bins->b[i] = real ? in->centers[2 * i + 1] : 0.0f;
        if (real && in->wishes != NULL) bins->shift[i] += wished(in->wishes, bins->a[i], bins->b[i]);
    }
}

/* ---------------------------------------------------------------- mean colour and confidence */

typedef struct {
    const cz_color_job *job;
    const cz_chroma_in *in;
    const cz_chroma_bins *bins;
    float *ab, *confidence;
} chroma_task;

static void chroma_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const chroma_task *t = context;
    const cz_grid *g = &t->job->grid;
    const size_t first = begin * g->cw, n = (end - begin) * g->cw, cells = (size_t)g->cw * g->ch;
    (void)slot;
    t->job->k->chroma(t->bins, t->in->logits + first * t->in->bins,
                      t->in->residual == NULL ? NULL : t->in->residual + 2 * first, n, t->ab + first,
                      t->ab + cells + first, t->confidence + first);
}

bool cz_chroma(const cz_color_job *job, const cz_chroma_in *in, float *ab, float *confidence) {
    cz_chroma_bins bins;
    chroma_task task = {job, in, &bins, ab, confidence};
    bins_init(&bins, in);
    return cz_exec_for(job->exec, job->grid.ch, 0, chroma_rows, &task);
}

/* ---------------------------------------------------------------- the most probable colours */

#define MODES_APART 25.0f /* least distance from the next bin taken */
#define LEAST_MODE  0.01f /* least probability of any but the first */

/** Share of a bin that counts as near, by its squared distance, as confidence has it. */
static float near_share(float d2) {
    const float near = (CZ_NEAR_OUTER - d2) * (1.0f / (CZ_NEAR_OUTER - CZ_NEAR_INNER));
    return near > 0.0f ? (near < 1.0f ? near : 1.0f) : 0.0f;
}

static float distance2(const cz_chroma_bins *q, size_t i, float a, float b) {
    return (q->a[i] - a) * (q->a[i] - a) + (q->b[i] - b) * (q->b[i] - b);
}

/** What of p lies near a place: its sum, and its mean colour. */
static cz_mode near(const cz_chroma_bins *q, const float *p, float a, float b) {
    float sum = 0, sa = 0, sb = 0;
    for (size_t i = 0; i < q->bins; i++) {
        const float e = p[i] * near_share(distance2(q, i, a, b));
        sum += e;
        sa += e * q->a[i];
        sb += e * q->b[i];
    }
    return sum > 0 ? (cz_mode){sa / sum, sb / sum, sum} : (cz_mode){a, b, 0};
}

static bool apart(const cz_mode *modes, size_t n, float a, float b) {
    for (size_t i = 0; i < n; i++) {
        const float da = a - modes[i].a, db = b - modes[i].b;
        if (da * da + db * db < MODES_APART * MODES_APART) return false;
    }
    return true;
}

size_t cz_modes(const cz_color_job *job, const cz_chroma_in *in, size_t cell, cz_mode *modes, size_t most) {
    cz_chroma_bins bins;
    float p[CZ_COLOR_MAX_BINS];
    size_t n = 0;
    bins_init(&bins, in);
    job->k->probability(&bins, in->logits + cell * in->bins, p);
    for (; n < most; n++) {
        cz_mode best = {.probability = 0};
        size_t at = 0;
        for (size_t i = 0; i < in->bins; i++) {
            if (!apart(modes, n, bins.a[i], bins.b[i])) continue;
            const cz_mode m = near(&bins, p, bins.a[i], bins.b[i]);
            if (m.probability > best.probability) {
                best = m;
                at = i;
            }
        }
        if (!(best.probability > (n == 0 ? 0.0f : LEAST_MODE))) break;
        modes[n] = best;
        for (size_t i = 0; i < in->bins; i++) /* what is counted counts no more */
            p[i] *= 1.0f - near_share(distance2(&bins, i, bins.a[at], bins.b[at]));
    }
    return n;
}
