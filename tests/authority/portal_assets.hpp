// What the portal's pages fetch besides themselves. Files of their own, so that the pages' policy can allow
// this server's files and nothing written into a page.
#pragma once

#include <string_view>

namespace fob::authority {

inline constexpr std::string_view k_style_path = "/portal/style.css";
inline constexpr std::string_view k_script_path = "/portal/copy.js";

// Colours of text on its ground contrast 7 to 1 or better (WCAG 2.2 §1.4.6); the focus ring 4 to 1.
inline constexpr std::string_view k_style = R"(:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: #1c1f26; background: #f6f7f9; }
.warning { margin: 0; padding: .5rem 1.5rem; background: #ffe28a; color: #2b2000; border-bottom: 2px solid #8a6100; }
nav { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem 1.5rem; padding: .75rem 1.5rem; background: #fff;
  border-bottom: 1px solid #c9ced8; }
nav .site { font-weight: 700; }
nav ul { display: flex; gap: .25rem 1rem; margin: 0; padding: 0; list-style: none; }
nav a { display: block; padding: .25rem .25rem; }
nav a[aria-current] { font-weight: 700; color: #1c1f26; text-decoration: none; border-bottom: 3px solid #174ea6; }
main { max-width: 75rem; margin: 0 auto; padding: 1.5rem; }
h1 { margin: 0 0 1rem; font-size: 1.6rem; line-height: 1.2; }
a { color: #174ea6; }
:focus-visible { outline: 3px solid #174ea6; outline-offset: 2px; }
.card { max-width: 44rem; padding: 1.25rem 1.5rem; background: #fff; border: 1px solid #c9ced8; border-radius: .5rem; }
.card > :first-child { margin-top: 0; }
.notice, .error { max-width: 44rem; padding: .75rem 1rem; border-left: .3rem solid; background: #fff; }
.notice { border-color: #1b5e20; }
.error { border-color: #a40e26; color: #85091d; font-weight: 600; }
.hint { margin: .25rem 0 .5rem; color: #454b57; }
label, legend { font-weight: 600; }
fieldset { margin: 1rem 0; padding: .5rem 1rem; border: 1px solid #7b8494; border-radius: .3rem; }
input[type=text], textarea { display: block; width: 100%; padding: .5rem; font: inherit; border: 1px solid #5b6270;
  border-radius: .3rem; background: #fff; color: inherit; }
textarea, output, code { font-family: ui-monospace, monospace; font-size: .95em; }
button, .button { display: inline-block; padding: .4rem .9rem; font: inherit; line-height: 1.4; text-decoration: none;
  color: #174ea6; background: #fff; border: 1px solid #174ea6; border-radius: .3rem; cursor: pointer; }
button:hover, .button:hover { background: #e8effc; }
.main { color: #fff; background: #174ea6; }
.main:hover { background: #0f3a80; }
.danger { color: #85091d; border-color: #a40e26; }
.danger:hover { background: #fdecef; }
.main.danger { color: #fff; background: #85091d; }
.main.danger:hover { background: #5e0614; }
.actions { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; margin: 1rem 0 0; }
.value { margin: 0 0 1rem; }
.value output { display: block; margin: .25rem 0 .5rem; padding: .5rem; overflow-wrap: anywhere; user-select: all;
  background: #f0f2f6; border: 1px solid #7b8494; border-radius: .3rem; }
[hidden] { display: none; }
.scroll { overflow-x: auto; background: #fff; border: 1px solid #c9ced8; border-radius: .5rem; }
table { width: 100%; border-collapse: collapse; }
caption { padding: .75rem 1rem; text-align: left; color: #454b57; }
th, td { padding: .6rem 1rem; text-align: left; vertical-align: top; border-top: 1px solid #c9ced8; }
thead th { white-space: nowrap; background: #f0f2f6; }
tbody th { min-width: 9rem; overflow-wrap: anywhere; }
td code { display: inline-block; min-width: 11.5rem; }
td time { display: inline-block; min-width: 7.5rem; }
td .actions { flex-wrap: nowrap; margin: 0; }
.off { font-weight: 600; color: #85091d; }
)";

// Without it all works but the two buttons, which therefore are not shown.
inline constexpr std::string_view k_script = R"('use strict';
for (const button of document.querySelectorAll('button[data-copies]')) {
  const value = document.getElementById(button.dataset.copies);
  const outcome = document.getElementById(button.dataset.copies + '-copied');
  button.hidden = false;
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(value.textContent);
      outcome.textContent = 'Copied.';
    } catch {
      getSelection().selectAllChildren(value);
      outcome.textContent = 'The browser does not let this page copy. The text is selected: copy it by hand.';
    }
  });
}
)";

}  // namespace fob::authority
