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
    for (size_t i = 0; i < CZ_COLOR_MAX_BINS; i++) {
        const bool real = i < in->bins;
        bins->shift[i] = !real ? 1e30f : in->log_weight == NULL ? 0.0f : in->log_weight[i];
        bins->a[i] = real ? in->centers[2 * i] : 0.0f;
        bins->b[i] = real ? in->centers[2 * i + 1] : 0.0f;
    }
}

/** Factors 0..1 of the bins' shares: exp(-wished) as the shares of logits, by the very loops. */
static void wishes_init(float *wish, const cz_color_job *job, const cz_chroma_bins *bins, const cz_wishes *w) {
    float unused[2];
    for (size_t i = 0; i < bins->bins; i++) wish[i] = bins->shift[i] - wished(w, bins->a[i], bins->b[i]);
    job->k->mean(bins, wish, 1, &unused[0], &unused[1]);
}

/** The mean colour of a cell's shares times `wish`. Once for all instruction sets: few photographs have wishes.
 *  @return how much of the shares the wish leaves, 0..1. */
static float wished_mean(const cz_chroma_bins *q, const float *wish, const float *shares, float *a, float *b) {
    float all = 0, sum = 0, sa = 0, sb = 0;
    for (size_t i = 0; i < q->bins; i++) {
        const float p = shares[i] * wish[i];
        all += shares[i];
        sum += p;
        sa += p * q->a[i];
        sb += p * q->b[i];
    }
    if (!(sum > 0)) return 0;
    *a = cz_held_ab(sa / sum);
    *b = cz_held_ab(sb / sum);
    return sum / all;
}

/* ---------------------------------------------------------------- mean colour and confidence */

typedef struct {
    const cz_color_job *job;
    const cz_chroma_in *in;
    const cz_chroma_bins *bins;
    const float *wish; /* [bins] */
    float *ab, *confidence;
} chroma_task;

/** How a cell's picture departs from its mean, docs/color.md; `kept` is how much of the shares the wishes left. */
static void depart(const cz_chroma_in *in, size_t cell, float kept, float *a, float *b) {
    const float *r = in->residual + in->channels * cell, g = in->vividness;
    float da = r[0], db = r[1];
    if (in->channels == CZ_VIVID_CHANNELS) {
        const float gain = 1.0f + g * r[2], far = g * kept;
        *a *= gain > 0.0f ? gain : 0.0f;
        *b *= gain > 0.0f ? gain : 0.0f;
        da += far * r[3];
        db += far * r[4];
    }
    *a = cz_held_ab(*a + CZ_AB_UNIT * da);
    *b = cz_held_ab(*b + CZ_AB_UNIT * db);
}

static void chroma_rows(void *context, size_t begin, size_t end, uint32_t slot) {
    const chroma_task *t = context;
    const cz_grid *g = &t->job->grid;
    const size_t first = begin * g->cw, n = (end - begin) * g->cw;
    float *shares = t->in->logits + first * t->in->bins;
    float *a = t->ab + first, *b = a + (size_t)g->cw * g->ch;
    (void)slot;
    t->job->k->mean(t->bins, shares, n, a, b);
    for (size_t c = 0; c < n; c++) {
        float kept = 1;
        if (t->in->wishes != NULL) kept = wished_mean(t->bins, t->wish, shares + c * t->in->bins, a + c, b + c);
        if (t->in->residual != NULL) depart(t->in, first + c, kept, a + c, b + c);
    }
    t->job->k->confidence(t->bins, shares, n, a, b, t->confidence + first);
}

bool cz_chroma(const cz_color_job *job, const cz_chroma_in *in, float *ab, float *confidence) {
    cz_chroma_bins bins;
    float wish[CZ_COLOR_MAX_BINS];
    chroma_task task = {job, in, &bins, wish, ab, confidence};
    bins_init(&bins, in);
    if (in->wishes != NULL) wishes_init(wish, job, &bins, in->wishes);
    return cz_exec_for(job->exec, job->grid.ch, 1, chroma_rows, &task);
}

void cz_read_cell(const cz_color_job *job, const cz_chroma_in *in, size_t cell) {
    cz_chroma_bins bins;
    float unused[2];
    bins_init(&bins, in);
    job->k->mean(&bins, in->logits + cell * in->bins, 1, &unused[0], &unused[1]);
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
