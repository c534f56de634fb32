/* SPDX-License-Identifier: BSD-2-Clause
 * From the network's distribution over bins to chroma on its grid, and to the colours that may be meant. */
#include "image/image.h"

#include <math.h>

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
    for (size_t i = 0; i < CZ_COLOR_MAX_BINS; i++) {
        const bool real = i < in->bins;
        bins->shift[i] = !real ? 1e30f : in->log_weight == NULL ? 0.0f : in->log_weight[i];
        bins->a[i] = real ? in->centers[2 * i] : 0.0f;
        bins->b[i] = real ? in->centers[2 * i + 1] : 0.0f;
        bins->chroma[i] = sqrtf(bins->a[i] * bins->a[i] + bins->b[i] * bins->b[i]);
    }
}

/** Factors 0..1 of the bins' shares: exp(-wished) as the shares of logits, by the very loops. */
static void wishes_init(float *wish, const cz_color_job *job, const cz_chroma_bins *bins, const cz_wishes *w) {
    float unused[3];
    for (size_t i = 0; i < bins->bins; i++) wish[i] = bins->shift[i] - wished(w, bins->a[i], bins->b[i]);
    job->k->mean(bins, wish, 1, &unused[0], &unused[1], &unused[2]);
}

/** The mean colour of n cells' shares times `wish`. Once for all instruction sets: few photographs have wishes. */
static void wished_means(const cz_chroma_bins *q, const float *wish, const float *shares, size_t n, float *a,
                         float *b) {
    for (size_t c = 0; c < n; c++, shares += q->bins) {
        float sum = 0, sa = 0, sb = 0;
        for (size_t i = 0; i < q->bins; i++) {
            const float p = shares[i] * wish[i];
            sum += p;
            sa += p * q->a[i];
            sb += p * q->b[i];
        }
        if (!(sum > 0)) continue;
        a[c] = sa / sum;
        b[c] = sb / sum;
    }
}

/* ---------------------------------------------------------------- mean colour and confidence */

typedef struct {
    const cz_color_job *job;
    const cz_chroma_in *in;
    const cz_chroma_bins *bins;
    const float *wish; /* [bins] */
    float *ab, *confidence;
    double faded; /* how much, the photograph */
} chroma_task;

/** The first pass; the mean chroma of cells is kept where their confidence will be. */
static void mean_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const chroma_task *t = context;
    const cz_grid *g = &t->job->grid;
    const size_t first = begin * g->cw, n = (end - begin) * g->cw, cells = (size_t)g->cw * g->ch;
    (void)slot;
    t->job->k->mean(t->bins, t->in->logits + first * t->in->bins, n, t->ab + first, t->ab + cells + first,
                    t->confidence + first);
}

#define FADED_MOST 2.0

/** How much paler than the colours that may be meant their means are: mean chroma over chroma of the mean, each summed
 *  over the cells that hold pixels, row by row. Means of a chroma below 1 count as 1: what is gray stays gray. */
static double faded(const cz_grid *g, const float *ab, const float *chroma) {
    const size_t w = cz_ceil_div(g->w, g->cell), h = cz_ceil_div(g->h, g->cell), cells = (size_t)g->cw * g->ch;
    double meant = 0, left = 0;
    for (size_t y = 0; y < h; y++)
        for (size_t i = y * g->cw; i < y * g->cw + w; i++) {
            const double a = (double)ab[i], b = (double)ab[cells + i];
            meant += (double)chroma[i];
            left += sqrt(a * a + b * b);
        }
    const double least = (double)w * (double)h, r = meant / (left > least ? left : least);
    return r > 1 ? (r < FADED_MOST ? r : FADED_MOST) : 1;
}

/* A cell gets back at most so many times what it lost itself, seen against a chroma of at least LEAST_CHROMA. */
#define OWN_LOSSES   2.0
#define LEAST_CHROMA 4.0

/** Gains of n cells, in the place of their mean chroma: what the photograph lost, but where the cell is surer, as skin
 * is, by less. */
static void gains(const chroma_task *t, size_t n, const float *mean_a, const float *mean_b, float *gain) {
    for (size_t c = 0; c < n; c++) {
        const double a = (double)mean_a[c], b = (double)mean_b[c], chroma = sqrt(a * a + b * b);
        const double own = OWN_LOSSES * ((double)gain[c] / (chroma > LEAST_CHROMA ? chroma : LEAST_CHROMA) - 1);
        const double lost = t->faded - 1 < own ? t->faded - 1 : own;
        gain[c] = (float)(1 + (double)t->in->restored * (lost > 0 ? lost : 0));
    }
}

static void chroma_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const chroma_task *t = context;
    const cz_grid *g = &t->job->grid;
    const size_t first = begin * g->cw, n = (end - begin) * g->cw, cells = (size_t)g->cw * g->ch;
    const float *shares = t->in->logits + first * t->in->bins;
    float *a = t->ab + first, *b = t->ab + cells + first, *gain = t->confidence + first;
    (void)slot;
    gains(t, n, a, b, gain);
    if (t->in->wishes != NULL) wished_means(t->bins, t->wish, shares, n, a, b);
    for (size_t c = 0; c < n; c++) {
        a[c] *= gain[c];
        b[c] *= gain[c];
    }
    t->job->k->chroma(t->bins, shares, t->in->residual == NULL ? NULL : t->in->residual + 2 * first, n, a, b, gain);
}

bool cz_chroma(const cz_color_job *job, const cz_chroma_in *in, float *ab, float *confidence) {
    cz_chroma_bins bins;
    float wish[CZ_COLOR_MAX_BINS];
    chroma_task task = {job, in, &bins, wish, ab, confidence, 1};
    bins_init(&bins, in);
    if (in->wishes != NULL) wishes_init(wish, job, &bins, in->wishes);
    if (!cz_exec_for(job->exec, job->grid.ch, 1, mean_rows, &task)) return false;
    task.faded = faded(&job->grid, ab, confidence);
    return cz_exec_for(job->exec, job->grid.ch, 1, chroma_rows, &task);
}

void cz_read_cell(const cz_color_job *job, const cz_chroma_in *in, size_t cell) {
    cz_chroma_bins bins;
    float unused[3];
    bins_init(&bins, in);
    job->k->mean(&bins, in->logits + cell * in->bins, 1, &unused[0], &unused[1], &unused[2]);
}

/* ---------------------------------------------------------------- the most probable colours */

#define MODES_APART 25.0f /* least distance from the next bin taken */
#define LEAST_MODE  0.01f /* least probability of any but the first */

/** Share of a bin that counts as near, by its squared distance, as confidence has it. */
static float near_share(float d2) {
    const float near = (CZ_NEAR_OUTER - d2) * (1.0f / (CZ_NEAR_OUTER - CZ_NEAR_INNER));
    return near > 0.0f ? (near < 1.0f ? near : 1.0f) : 0.0f;
}

static float distance2(const float *center, float a, float b) {
    return (center[0] - a) * (center[0] - a) + (center[1] - b) * (center[1] - b);
}

/** What of p lies near a place: its sum, and its mean colour. */
static cz_mode near(const cz_chroma_in *in, const float *p, const float *at) {
    float sum = 0, sa = 0, sb = 0;
    for (size_t i = 0; i < in->bins; i++) {
        const float *center = in->centers + 2 * i, e = p[i] * near_share(distance2(center, at[0], at[1]));
        sum += e;
        sa += e * center[0];
        sb += e * center[1];
    }
    return sum > 0 ? (cz_mode){sa / sum, sb / sum, sum} : (cz_mode){at[0], at[1], 0};
}

static bool apart(const cz_mode *modes, size_t n, const float *center) {
    for (size_t i = 0; i < n; i++)
        if (distance2(center, modes[i].a, modes[i].b) < MODES_APART * MODES_APART) return false;
    return true;
}

size_t cz_modes(const cz_chroma_in *in, size_t cell, cz_mode *modes, size_t most) {
    const float *shares = in->logits + cell * in->bins;
    float p[CZ_COLOR_MAX_BINS], sum = 0;
    size_t n = 0;
    for (size_t i = 0; i < in->bins; i++) sum += shares[i];
    for (size_t i = 0; i < in->bins; i++) p[i] = shares[i] / sum;
    for (; n < most; n++) {
        cz_mode best = {.probability = 0};
        const float *at = in->centers;
        for (size_t i = 0; i < in->bins; i++) {
            const float *center = in->centers + 2 * i;
            if (!apart(modes, n, center)) continue;
            const cz_mode m = near(in, p, center);
            if (m.probability > best.probability) {
                best = m;
                at = center;
            }
        }
        if (!(best.probability > (n == 0 ? 0.0f : LEAST_MODE))) break;
        modes[n] = best;
        for (size_t i = 0; i < in->bins; i++) /* what is counted counts no more */
            p[i] *= 1.0f - near_share(distance2(in->centers + 2 * i, at[0], at[1]));
    }
    return n;
}
