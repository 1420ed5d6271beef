"""The report in headless Chromium, from the file system, at two widths."""

import json
import math
import shutil

import pytest

webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium")
from selenium.common.exceptions import WebDriverException  # noqa: E402
from selenium.webdriver.chrome.service import Service  # noqa: E402
from selenium.webdriver.common.action_chains import ActionChains  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select  # noqa: E402

SIZES = {"desktop": (1200, 900), "phone": (390, 844)}


@pytest.fixture(scope="module", params=SIZES)
def browser(request):
  """Chromium of a screen's size; the phone has a touch screen."""
  programs = [shutil.which(name) for name in ("chromium", "chromedriver")]
  if None in programs:
    pytest.skip("no chromium or no chromedriver: apt-get install them")
  chromium, driver = programs
  width, height = SIZES[request.param]
  options = webdriver.ChromeOptions()
  options.binary_location = chromium
  options.add_argument("--headless=new")
  options.add_argument("--no-sandbox")  # needed where tests run as root
  options.add_argument("--disable-dev-shm-usage")  # small in containers
  options.add_argument(f"--window-size={width},{height}")
  options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
  if request.param == "phone":
    metrics = {"width": width, "height": height, "pixelRatio": 2, "touch": True}
    options.add_experimental_option(
      "mobileEmulation", {"deviceMetrics": metrics}
    )
  try:
    browser = webdriver.Chrome(options=options, service=Service(driver))
  except WebDriverException as error:
    pytest.skip(f"chromium does not start: {error.msg.splitlines()[0]}")
  yield browser
  browser.quit()


@pytest.fixture
def opened(browser, reported):
  """The page, freshly opened; whatever is done, it must not complain."""
  browser.get(reported.page.as_uri())
  yield browser
  assert browser.get_log("browser") == []


def find(browser, selector):
  return browser.find_element(By.CSS_SELECTOR, selector)


def marks(browser, metric: str) -> list[dict]:
  """What is drawn: curve, place in pixels and values, point by point."""
  return browser.execute_script(
    """return [...document.querySelectorAll(arguments[0])].map((mark) => {
      const at = mark.transform.baseVal[0].matrix;
      return {curve: mark.dataset.curve, bpp: +mark.dataset.bpp,
              value: +mark.dataset.value, x: at.e, y: at.f};
    })""",
    f"#plot-{metric} .mark",
  )


def pick(browser, control: str, text: str) -> None:
  Select(find(browser, f"[data-control={control}]")).select_by_visible_text(
    text
  )


def stage(browser) -> dict:
  """What the viewer shows."""
  return browser.execute_script(
    """const stage = document.querySelector(".stage");
    const images = [...stage.querySelectorAll("img")];
    return {shown: stage.dataset.shown,
      edge: parseFloat(images[1].parentNode.style.clipPath.split(" ").at(-1)),
      now: +stage.querySelector("[role=slider]").getAttribute("aria-valuenow"),
      transform: images[0].style.transform,
      sources: images.map((image) => image.src),
      names: images.map((image) => image.alt),
      status: document.querySelector("[role=status]").textContent};"""
  )


def test_the_points_drawn_are_those_of_the_json(opened, reported):
  for metric in ("psnr", "ms_ssim"):
    drawn = marks(opened, metric)
    curves = {c["label"]: c["points"] for c in reported.content["curves"]}
    assert {mark["curve"] for mark in drawn} == set(curves)
    for mark in drawn:
      points = [(p["bpp"], p[metric]) for p in curves[mark["curve"]]]
      assert (mark["bpp"], mark["value"]) in points
    ours = [m for m in drawn if m["curve"] == "tiny (this codec)"]
    assert len(ours) == len(reported.result["points"])
    by_value = sorted(drawn, key=lambda mark: mark["value"])
    assert by_value[0]["y"] > by_value[-1]["y"]


def test_places_are_linear_in_the_rate_or_in_its_logarithm(opened):
  for scale in (float, math.log):
    drawn = sorted(marks(opened, "psnr"), key=lambda mark: mark["bpp"])
    first, middle, last = drawn[0], drawn[len(drawn) // 2], drawn[-1]
    share = (middle["x"] - first["x"]) / (last["x"] - first["x"])
    a, b, c = (scale(m["bpp"]) for m in (first, middle, last))
    assert share == pytest.approx((b - a) / (c - a), abs=1e-3)
    find(opened, "#log").send_keys(Keys.SPACE)  # to logarithmic, and back


def test_a_curve_is_hidden_and_shown_by_its_box(opened):
  before = marks(opened, "psnr")
  box = opened.find_element(
    By.XPATH, "//label[contains(., 'WebP')]/input[@type='checkbox']"
  )
  box.send_keys(Keys.SPACE)
  after = marks(opened, "psnr")
  assert {m["curve"] for m in before} - {m["curve"] for m in after} == {"WebP"}
  box.send_keys(Keys.SPACE)
  assert len(marks(opened, "psnr")) == len(before)


def test_values_show_under_the_pointer_and_by_the_keyboard(opened):
  tip = find(opened, "#plot-psnr .tip")
  assert not tip.is_displayed()
  mark = find(opened, "#plot-psnr .mark[tabindex='0']")
  opened.execute_script("arguments[0].focus()", mark)
  first = tip.text
  assert "tiny (this codec)" in first and "dB PSNR" in first
  opened.switch_to.active_element.send_keys(Keys.ARROW_LEFT)
  second = tip.text
  assert second != first and "tiny (this codec)" in second
  opened.switch_to.active_element.send_keys(Keys.ARROW_UP)
  assert "tiny (this codec)" not in tip.text
  opened.switch_to.active_element.send_keys(Keys.ESCAPE)
  assert not tip.is_displayed()
  other = find(opened, "#plot-psnr .mark[data-curve=JPEG]")
  actions = ActionChains(opened).move_to_element(other)
  if opened.execute_script("return matchMedia('(hover: none)').matches"):
    actions.click()  # a finger taps
  actions.perform()
  assert tip.is_displayed() and "bpp" in tip.text


def test_every_picture_on_the_page_is_one_that_a_browser_shows(
  opened, reported
):
  uris = [
    uri
    for image in reported.content["viewer"]["images"]
    for uri in (
      image["uri"],
      *(p["uri"] for rung in image["rungs"] for p in rung["pictures"]),
    )
  ]
  widths = opened.execute_async_script(
    """const done = arguments[arguments.length - 1];
    Promise.all(arguments[0].map(async (uri) => {
      const image = new Image();
      image.src = uri;
      await image.decode();
      return image.naturalWidth;
    })).then(done, (error) => done(String(error)));""",
    uris,
  )
  expected = {image["width"] for image in reported.content["viewer"]["images"]}
  assert set(widths) == expected


def test_image_quality_and_codecs_can_be_chosen(opened, reported):
  image = reported.content["viewer"]["images"][1]
  pick(opened, "image", image["name"])
  pick(opened, "quality", "2")
  pick(opened, "left", "original")
  pick(opened, "right", "JPEG 2000")
  pictures = {p["codec"]: p for p in image["rungs"][2]["pictures"]}
  shown = stage(opened)
  assert shown["sources"] == [image["uri"], pictures["jpeg2000"]["uri"]]
  assert shown["names"] == ["b.png, original", "b.png, JPEG 2000"]
  row = find(opened, "#viewer tbody tr:last-child").text
  assert f"{pictures['jpeg2000']['bytes']:,}" in row


def test_a_name_that_looks_like_markup_is_shown_as_text(opened):
  first = Select(find(opened, "[data-control=image]")).first_selected_option
  assert first.text == "a<b>&amp;'.png"


def test_the_divider_follows_the_mouse(opened):
  divider = find(opened, "[role=slider]")
  width = find(opened, ".stage").size["width"]
  opened.execute_script(
    "arguments[0].scrollIntoView({block: 'center'})", divider
  )
  ActionChains(opened).drag_and_drop_by_offset(divider, width // 4, 0).perform()
  shown = stage(opened)
  assert shown["edge"] == pytest.approx(75, abs=1)
  assert shown["now"] == pytest.approx(75, abs=1)


def test_the_divider_follows_a_finger(opened):
  divider = find(opened, "[role=slider]")
  opened.execute_script(
    "arguments[0].scrollIntoView({block: 'center'})", divider
  )
  box = opened.execute_script(
    "return document.querySelector('.stage').getBoundingClientRect().toJSON()"
  )
  y = box["y"] + box["height"] / 2

  def touch(kind, *shares):
    points = [{"x": box["x"] + s * box["width"], "y": y} for s in shares]
    opened.execute_cdp_cmd(
      "Input.dispatchTouchEvent", {"type": kind, "touchPoints": points}
    )

  touch("touchStart", 0.5)
  touch("touchMove", 0.4)
  touch("touchMove", 0.2)
  touch("touchEnd")
  assert stage(opened)["edge"] == pytest.approx(20, abs=2)


def test_the_keyboard_moves_flips_zooms_and_pans(opened):
  divider = find(opened, "[role=slider]")
  divider.send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.PAGE_UP)
  assert stage(opened)["edge"] == 62
  divider.send_keys(Keys.HOME)
  assert stage(opened)["edge"] == 0
  divider.send_keys("f")
  right = stage(opened)
  assert (right["shown"], right["edge"]) == ("right", 0)
  divider.send_keys("f")
  left = stage(opened)
  assert (left["shown"], left["edge"]) == ("left", 100)
  assert right["status"] != left["status"]
  divider.send_keys(Keys.ARROW_RIGHT)
  assert (stage(opened)["shown"], stage(opened)["edge"]) == ("both", 1)
  divider.send_keys("+")
  zoomed = stage(opened)["transform"]
  assert "scale(1.5)" in zoomed
  divider.send_keys(Keys.SHIFT, Keys.ARROW_RIGHT)
  assert stage(opened)["transform"] != zoomed
  divider.send_keys(Keys.NULL, "0")
  assert "scale(1)" in stage(opened)["transform"]


def test_the_focus_is_seen(opened):
  """On all that Tab reaches, the browser's or our own ring is drawn."""
  body = find(opened, "body")
  body.send_keys(Keys.TAB)
  ring = opened.execute_script(
    "return getComputedStyle(document.activeElement).outlineWidth"
  )
  assert ring == "3px"
  divider = find(opened, "[role=slider]")
  divider.send_keys(Keys.ARROW_LEFT)
  shadow = opened.execute_script(
    "return getComputedStyle(arguments[0], '::after').boxShadow", divider
  )
  assert "6px" in shadow


def test_a_zoomed_picture_is_dragged_and_flipped_by_buttons(opened):
  def press(text):
    button = opened.find_element(By.XPATH, f"//button[contains(., '{text}')]")
    opened.execute_script(
      "arguments[0].scrollIntoView({block: 'center'})", button
    )
    button.click()

  press("Zoom in")
  before = stage(opened)
  place = find(opened, ".stage")
  opened.execute_script("arguments[0].scrollIntoView({block: 'center'})", place)
  start = -place.size["width"] // 4  # away from the divider
  ActionChains(opened).move_to_element_with_offset(
    place, start, 0
  ).click_and_hold().move_by_offset(20, 10).release().perform()
  after = stage(opened)
  assert after["transform"] != before["transform"]
  assert after["edge"] == before["edge"]
  press("Flip")
  assert stage(opened)["shown"] == "right"
  press("Fit")
  assert "scale(1)" in stage(opened)["transform"]


def test_the_anchor_of_the_bd_rates_can_be_chosen(opened, reported):
  rates = reported.content["bd_rates"]
  for place, against in enumerate(rates):
    Select(find(opened, "#anchor")).select_by_index(place)
    text = find(opened, "#rates").text
    assert f"Against {against['anchor']}" in text
    for row in against["rows"]:
      assert row["curve"] in text
      for cell in row["cells"]:
        if "change" in cell:
          figure = f"{cell['change']:.2f} %".replace("-", "\u2212")
          assert figure in text


def test_the_page_fits_the_screen_and_names_what_can_be_used(opened):
  wide = "return document.documentElement.scrollWidth - innerWidth"
  assert opened.execute_script(wide) <= 0
  tree = opened.execute_cdp_cmd("Accessibility.getFullAXTree", {})
  used = {"button", "checkbox", "switch", "combobox", "slider", "image"}
  nodes = [
    node
    for node in tree["nodes"]
    if not node.get("ignored") and node["role"]["value"] in used
  ]
  assert used <= {node["role"]["value"] for node in nodes}
  assert all(node["name"]["value"] for node in nodes), json.dumps(nodes)[:500]


def test_nothing_is_fetched(opened, reported):
  fetched = opened.execute_script(
    "return performance.getEntriesByType('resource').map((r) => r.name)"
  )
  assert all(name.startswith("data:") for name in fetched)
  assert opened.current_url == reported.page.as_uri()
