/* SPDX-License-Identifier: BSD-2-Clause */
#include "app.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- state in words */

void app_title(app *a) {
    char title[1024];
    if (a->photo == NULL)
        (void)snprintf(title, sizeof title, "darkroom - %s", a->state);
    else
        (void)snprintf(title, sizeof title, "%s - %d %s, vividness %.2f, strength %.2f - %s", a->photo->name,
                       (int)a->now.count, a->now.count == 1 ? "hint" : "hints", (double)a->now.vividness,
                       (double)a->now.strength, a->state);
    if (a->log) printf("title %s\n", title); /* before anyone can see it, as all lines that led to it */
    SDL_SetWindowTitle(a->window, title);
}

static void say(app *a, const char *state) {
    (void)SDL_strlcpy(a->state, state, sizeof a->state);
    if (a->log) printf("state %s\n", a->state);
    app_title(a);
}

/* ---------------------------------------------------------------- photographs */

static SDL_Texture *picture_texture(const app *a, int access) {
    return SDL_CreateTexture(a->draw.renderer, SDL_PIXELFORMAT_RGB24, access, a->photo->preview.width,
                             a->photo->preview.height);
}

static void drop_textures(app *a) {
    if (a->before != NULL) SDL_DestroyTexture(a->before);
    if (a->after != NULL) SDL_DestroyTexture(a->after);
    a->before = a->after = NULL;
}

/** Both show the photograph as it is until the first answer comes. */
static bool make_textures(app *a) {
    const int width = a->photo->preview.width, height = a->photo->preview.height;
    uint8_t *shown = malloc(3 * (size_t)width * (size_t)height);
    drop_textures(a);
    a->before = picture_texture(a, SDL_TEXTUREACCESS_STATIC);
    a->after = picture_texture(a, SDL_TEXTUREACCESS_STATIC);
    bool ok = shown != NULL && a->before != NULL && a->after != NULL;
    if (ok) {
        photo_show(a->photo, shown);
        ok = SDL_UpdateTexture(a->before, NULL, shown, 3 * width) == 0 &&
             SDL_UpdateTexture(a->after, NULL, shown, 3 * width) == 0;
    }
    free(shown);
    return ok;
}

/** It was done, but there is something that the user should know. */
static void tell_warnings(const photo *p, const complaint *c) {
    if (c->warnings[0] != '\0') (void)fprintf(stderr, "darkroom: %s: %s", p->name, c->warnings);
}

void app_open(app *a, const char *path) {
    complaint c = {"", ""};
    char line[600];
    photo *p = photo_open(path, &c);
    if (p == NULL) {
        const char *slash = SDL_strrchr(path, '/');
        (void)snprintf(line, sizeof line, "%s: %s", slash != NULL ? slash + 1 : path, c.text);
        say(a, line);
        return;
    }
    photo_drop(a->photo);
    a->photo = p;
    tell_warnings(p, &c);
    a->now = (edits){.vividness = a->default_vividness, .strength = 1};
    app_select(a, -1);
    a->drag = DRAG_NOTHING;
    a->divider = 0;
    a->gray = false;
    history_begin(a->history, &a->now);
    app_arrange(a);
    if (make_textures(a))
        app_changed(a);
    else
        say(a, SDL_GetError());
}

bool app_close(app *a) {
    SDL_Event late;
    bool saved_all = true;
    worker_stop(a->previewer, false);
    worker_stop(a->adviser, false);
    worker_stop(a->saver, true);
    while (SDL_PeepEvents(&late, 1, SDL_GETEVENT, a->answers, a->answers) == 1) {
        task *t = late.user.data1;
        if (t->kind == TASK_SAVE) tell_warnings(t->photo, &t->said);
        if (t->kind == TASK_SAVE && t->said.text[0] != '\0') {
            (void)fprintf(stderr, "darkroom: %s\n", t->said.text);
            saved_all = false;
        }
        task_free(t);
    }
    photo_drop(a->photo);
    drop_textures(a);
    if (a->wheel != NULL) SDL_DestroyTexture(a->wheel);
    free(a->history);
    return saved_all;
}

/* ---------------------------------------------------------------- changes */

void app_changed(app *a) {
    task *t = a->photo != NULL ? task_make(TASK_PREVIEW, a->photo, &a->now) : NULL;
    if (t == NULL) return;
    t->serial = ++a->asked;
    say(a, "working");
    worker_ask(a->previewer, t);
}

void app_settled(app *a) {
    if (a->photo != NULL) history_commit(a->history, &a->now);
}

void app_travel(app *a, int direction) {
    app_settled(a);
    if (a->photo == NULL || !history_go(a->history, direction, &a->now)) return;
    app_select(a, -1);
    app_changed(a);
}

void app_save(app *a) {
    task *t = a->photo != NULL ? task_make(TASK_SAVE, a->photo, &a->now) : NULL;
    if (t == NULL) return;
    t->serial = ++a->saving;
    say(a, "saving");
    worker_ask(a->saver, t);
}

/* ---------------------------------------------------------------- answers */

static void show(app *a, const task *t) {
    if (t->rgb == NULL || t->photo != a->photo) return;
    (void)SDL_UpdateTexture(a->after, NULL, t->rgb, 3 * t->photo->preview.width);
    if (a->log)
        printf("preview %u analyze %.1f ms render %.1f ms from the change %.1f ms\n", (unsigned)t->serial,
               t->analyze_ms, t->render_ms, ms_since(t->asked));
}

static void saved(app *a, const task *t) {
    char line[600];
    tell_warnings(t->photo, &t->said);
    if (t->serial != a->saving) return;
    if (t->said.text[0] != '\0') {
        say(a, t->said.text);
        return;
    }
    const char *slash = SDL_strrchr(t->output, '/');
    (void)snprintf(line, sizeof line, "saved %s", slash != NULL ? slash + 1 : t->output);
    say(a, line);
}

/** The network is asked without that hint, or the hint's own colour would be its answer. */
void app_advise(app *a) {
    if (a->selected < 0 || a->drag != DRAG_NOTHING || a->answered != a->asked) return;
    if (a->advised_change == a->asked && a->advised_hint == a->selected) return;
    task *t = task_make(TASK_SUGGEST, a->photo, &a->now);
    if (t == NULL) return;
    t->x = a->now.hints[a->selected].x;
    t->y = a->now.hints[a->selected].y;
    edits_remove(&t->edits, a->selected);
    t->serial = ++a->advised;
    a->advised_change = a->asked;
    a->advised_hint = a->selected;
    worker_ask(a->adviser, t);
}

static void take_advice(app *a, const task *t) {
    if (t->serial != a->advised || a->selected != a->advised_hint || t->photo != a->photo) return;
    memcpy(a->suggestion, t->suggestion, sizeof a->suggestion);
    a->suggestions = t->suggestions;
    for (uint32_t i = 0; a->log && i < t->suggestions; i++)
        printf("suggestion %u a %.1f b %.1f probability %.2f\n", (unsigned)i, (double)t->suggestion[i].a,
               (double)t->suggestion[i].b, (double)t->suggestion[i].probability);
    if (a->log) printf("suggestions %u\n", (unsigned)t->suggestions);
}

void app_answer(app *a, task *t) {
    if (t->kind == TASK_SAVE) {
        saved(a, t);
    } else if (t->kind == TASK_SUGGEST) {
        take_advice(a, t);
    } else {
        show(a, t);
        a->answered = t->serial;
        if (t->serial == a->asked) say(a, t->said.text[0] != '\0' ? t->said.text : "ready");
    }
    task_free(t);
}

/* ---------------------------------------------------------------- values */

static const float least_radius = 0.005f, most_radius = 0.2f;

static float short_side(const app *a) {
    return a->photo == NULL ? 1 : (float)SDL_min(a->photo->preview.width, a->photo->preview.height);
}

static hint *selected(app *a) { return a->selected >= 0 ? &a->now.hints[a->selected] : NULL; }

/** The radius runs by its square root, so that small ones can be set as well. */
float app_slider(const app *a, int slider) {
    const float radius = a->selected >= 0 ? a->now.hints[a->selected].radius / short_side(a) : a->radius;
    if (slider == SLIDER_VIVIDNESS) return a->now.vividness / 2;
    if (slider == SLIDER_STRENGTH) return a->now.strength;
    return sqrtf(fmaxf(radius - least_radius, 0) / (most_radius - least_radius));
}

void app_set_slider(app *a, int slider, float share) {
    share = fminf(fmaxf(share, 0), 1);
    if (slider == SLIDER_VIVIDNESS) a->now.vividness = roundf(200 * share) / 100;
    if (slider == SLIDER_STRENGTH) a->now.strength = roundf(100 * share) / 100;
    if (slider == SLIDER_RADIUS) {
        a->radius = least_radius + share * share * (most_radius - least_radius);
        if (selected(a) == NULL) return;
        selected(a)->radius = a->radius * short_side(a);
    }
    app_changed(a);
}

void app_set_colour(app *a, float red_green, float blue_yellow) {
    a->colour = (lab){0, red_green, blue_yellow};
    if (selected(a) == NULL) return;
    selected(a)->a = red_green;
    selected(a)->b = blue_yellow;
    app_changed(a);
}

void app_select(app *a, int index) {
    if (index < 0 || index != a->selected) a->suggestions = 0;
    a->selected = index;
    if (selected(a) == NULL) return;
    a->colour = (lab){0, selected(a)->a, selected(a)->b};
    a->radius = selected(a)->radius / short_side(a);
}

float app_lightness(const app *a) {
    const hint *m = a->selected >= 0 ? &a->now.hints[a->selected] : NULL;
    return m == NULL ? 60 : photo_lightness(a->photo, m->x, m->y);
}

/* ---------------------------------------------------------------- places */

float app_scale(const app *a) { return a->photo == NULL ? 1 : a->at.photo.w / (float)a->photo->preview.width; }

SDL_FPoint app_to_window(const app *a, float x, float y) {
    const SDL_FRect *r = &a->at.photo;
    return (SDL_FPoint){r->x + x * r->w / (float)a->photo->preview.width,
                        r->y + y * r->h / (float)a->photo->preview.height};
}

SDL_FPoint app_to_photo(const app *a, float x, float y) {
    const SDL_FRect *r = &a->at.photo;
    const float w = (float)a->photo->preview.width, h = (float)a->photo->preview.height;
    return (SDL_FPoint){fminf(fmaxf((x - r->x) * w / r->w, 0), w - 0.01f),
                        fminf(fmaxf((y - r->y) * h / r->h, 0), h - 0.01f)};
}

static void log_place(const char *name, int index, const SDL_FRect *r) {
    printf("place %s %d %.0f %.0f %.0f %.0f\n", name, index, (double)r->x, (double)r->y, (double)r->w, (double)r->h);
}

void app_arrange(app *a) {
    int width, height;
    const bool has = a->photo != NULL;
    SDL_GetWindowSize(a->window, &width, &height);
    a->at = layout_of(width, height, has ? a->photo->preview.width : 0, has ? a->photo->preview.height : 0);
    if (!a->log) return;
    log_place("photo", 0, &a->at.photo);
    log_place("wheel", 0, &a->at.wheel);
    for (int i = 0; i < SLIDERS; i++) log_place("slider", i, &a->at.slider[i]);
    for (int i = 0; i < SUGGESTIONS; i++) log_place("suggestion", i, &a->at.suggestion[i]);
    for (int i = 0; i < SWATCHES; i++) log_place("swatch", i, &a->at.swatch[i]);
    for (int i = 0; i < BUTTONS; i++) log_place("button", i, &a->at.button[i]);
}
