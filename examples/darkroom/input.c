/* SPDX-License-Identifier: BSD-2-Clause
 * From mouse and keyboard to changes. */
#include <math.h>

#include "app.h"

/* ---------------------------------------------------------------- what is under the mouse */

static const float grip = 10; /* pixels around a hint's middle and the divider */

/** The hint whose middle is nearest, among those within `grip` or, when `whole`, whose spot covers the place; or -1. */
static int hint_at(const app *a, float x, float y, bool whole) {
    int nearest = -1;
    float least = INFINITY;
    for (size_t i = 0; i < a->now.count; i++) {
        const hint *m = &a->now.hints[i];
        const SDL_FPoint p = app_to_window(a, m->x, m->y);
        const float distance = hypotf(p.x - x, p.y - y);
        const float reach = whole ? fmaxf(m->radius * app_scale(a), grip) : grip;
        if (distance > reach || distance >= least) continue;
        nearest = (int)i;
        least = distance;
    }
    return nearest;
}

static bool on_divider(const app *a, float x, float y) {
    const SDL_FRect *r = &a->at.photo;
    return y >= r->y && y < r->y + r->h && fabsf(x - (r->x + a->divider * r->w)) <= grip;
}

/* ---------------------------------------------------------------- the mouse */

/** What is held follows the mouse. */
static void drag_to(app *a, float x, float y) {
    if (a->drag == DRAG_HINT) {
        const SDL_FPoint p = app_to_photo(a, x, y);
        hint *m = &a->now.hints[a->selected];
        if (m->x == p.x && m->y == p.y) return;
        m->x = p.x;
        m->y = p.y;
        app_changed(a);
    } else if (a->drag == DRAG_DIVIDER) {
        a->divider = fminf(fmaxf((x - a->at.photo.x) / a->at.photo.w, 0), 1);
    } else if (a->drag == DRAG_WHEEL) {
        const lab c = wheel_colour(&a->at.wheel, x, y);
        app_set_colour(a, c.a, c.b);
    } else if (a->drag >= DRAG_SLIDER) {
        const int slider = (int)a->drag - DRAG_SLIDER;
        app_set_slider(a, slider, slider_share(&a->at.slider[slider], x));
    }
}

static void add_hint(app *a, float x, float y) {
    const SDL_FPoint p = app_to_photo(a, x, y);
    const float side = (float)SDL_min(a->photo->preview.width, a->photo->preview.height);
    const int index = edits_add(&a->now, (hint){p.x, p.y, a->radius * side, a->colour.a, a->colour.b});
    if (index < 0) return;
    app_select(a, index);
    a->drag = DRAG_HINT;
    app_changed(a);
}

static void press_photo(app *a, float x, float y) {
    const int index = a->gray ? -1 : hint_at(a, x, y, false);
    if (index >= 0) {
        app_select(a, index);
        a->drag = DRAG_HINT;
    } else if (!a->gray && on_divider(a, x, y)) {
        a->drag = DRAG_DIVIDER;
    } else if (is_in(&a->at.photo, x, y)) {
        a->gray = false;
        add_hint(a, x, y);
    }
}

static void press_button(app *a, int button) {
    if (button == BUTTON_UNDO) app_travel(a, -1);
    if (button == BUTTON_REDO) app_travel(a, 1);
    if (button == BUTTON_COMPARE) a->gray = !a->gray;
    if (button == BUTTON_SAVE) app_save(a);
}

static void press_panel(app *a, float x, float y) {
    for (int i = 0; i < BUTTONS; i++)
        if (is_in(&a->at.button[i], x, y)) press_button(a, i);
    for (int i = 0; i < SLIDERS; i++)
        if (is_in(&a->at.slider[i], x, y)) a->drag = (drag)(DRAG_SLIDER + i);
    for (int i = 0; i < SWATCHES; i++) {
        const lab c = lab_of(swatch_colour[i]);
        if (is_in(&a->at.swatch[i], x, y)) app_set_colour(a, c.a, c.b);
    }
    for (uint32_t i = 0; i < a->suggestions; i++)
        if (is_in(&a->at.suggestion[i], x, y)) app_set_colour(a, a->suggestion[i].a, a->suggestion[i].b);
    if (is_in(&a->at.wheel, x, y)) a->drag = DRAG_WHEEL;
    drag_to(a, x, y); /* a press sets sliders and the wheel at once */
}

static void remove_hint(app *a, int index) {
    if (index < 0) return;
    edits_remove(&a->now, index);
    app_select(a, -1);
    app_changed(a);
    app_settled(a);
}

static void press(app *a, const SDL_MouseButtonEvent *e) {
    const float x = (float)e->x, y = (float)e->y;
    if (a->photo == NULL || a->drag != DRAG_NOTHING) return;
    app_settled(a); /* of the mouse wheel's turns, which have no end of their own */
    if (e->button == SDL_BUTTON_RIGHT) remove_hint(a, hint_at(a, x, y, true));
    if (e->button != SDL_BUTTON_LEFT) return;
    if (is_in(&a->at.panel, x, y))
        press_panel(a, x, y);
    else
        press_photo(a, x, y);
    if (a->drag == DRAG_NOTHING) app_settled(a);
}

static void release(app *a, const SDL_MouseButtonEvent *e) {
    if (e->button != SDL_BUTTON_LEFT || a->drag == DRAG_NOTHING) return;
    a->drag = DRAG_NOTHING;
    app_settled(a);
}

/** Turns the radius of the hint under the mouse, else of the selected one and the next. */
static void turn(app *a, const SDL_MouseWheelEvent *e) {
    if (a->photo == NULL || a->drag != DRAG_NOTHING) return;
    const int under = hint_at(a, (float)e->mouseX, (float)e->mouseY, true);
    if (under >= 0) app_select(a, under);
    app_set_slider(a, SLIDER_RADIUS, app_slider(a, SLIDER_RADIUS) + 0.04f * e->preciseY);
}

/* ---------------------------------------------------------------- the keyboard */

static void key(app *a, const SDL_KeyboardEvent *e) {
    const bool control = (e->keysym.mod & (KMOD_CTRL | KMOD_GUI)) != 0, shift = (e->keysym.mod & KMOD_SHIFT) != 0;
    const SDL_Keycode k = e->keysym.sym;
    if (k == SDLK_q) a->quit = true;
    if (a->photo == NULL || a->drag != DRAG_NOTHING) return;
    if (k == SDLK_s) app_save(a);
    if (k == SDLK_SPACE) a->gray = !a->gray;
    if (control && k == SDLK_z) app_travel(a, shift ? 1 : -1);
    if (control && k == SDLK_y) app_travel(a, 1);
    if (k == SDLK_DELETE || k == SDLK_BACKSPACE) remove_hint(a, a->selected);
    if (k == SDLK_ESCAPE) app_select(a, -1);
}

void app_event(app *a, const SDL_Event *e) {
    if (e->type == a->answers) app_answer(a, e->user.data1);
    if (e->type == SDL_QUIT) a->quit = true;
    if (e->type == SDL_WINDOWEVENT && e->window.event == SDL_WINDOWEVENT_SIZE_CHANGED) app_arrange(a);
    if (e->type == SDL_DROPFILE) {
        app_open(a, e->drop.file);
        SDL_free(e->drop.file);
    }
    if (e->type == SDL_KEYDOWN && !e->key.repeat) key(a, &e->key);
    if (e->type == SDL_MOUSEBUTTONDOWN) press(a, &e->button);
    if (e->type == SDL_MOUSEBUTTONUP) release(a, &e->button);
    if (e->type == SDL_MOUSEMOTION) drag_to(a, (float)e->motion.x, (float)e->motion.y);
    if (e->type == SDL_MOUSEWHEEL) turn(a, &e->wheel);
}
