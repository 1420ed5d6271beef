"""CompressAI's mean-scale hyperprior, there and back, in PyTorch on the CPU.

  python compressai_decode.py IMAGE OUT.cai     encodes
  python compressai_decode.py IN.cai OUT.png    decodes

Its trained weights would have to be downloaded, so they are random here (seed
0): the arithmetic and the number of symbols are those of the trained model, the
picture and the size of the file are not. Decoding prints how long
`decompress()` took.
"""

import sys
import time
import warnings

warnings.simplefilter("ignore")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from compressai.zoo import mbt2018_mean  # noqa: E402
from PIL import Image  # noqa: E402


def main() -> None:
  source, target = sys.argv[1:]
  torch.manual_seed(0)
  # From quality 6 on there are 192 filters and 320 latent channels, as in the
  # paper.
  network = mbt2018_mean(quality=6, pretrained=False).eval()
  network.update()
  with torch.no_grad():
    if target.endswith(".cai"):
      rgb = np.asarray(Image.open(source).convert("RGB"))
      x = torch.from_numpy(rgb).permute(2, 0, 1)[None].float() / 255
      coded = network.compress(x)
      torch.save((coded["strings"], tuple(coded["shape"])), target)
      return
    strings, shape = torch.load(source)
    start = time.perf_counter()
    x_hat = network.decompress(strings, shape)["x_hat"][0]
    print("decompress", time.perf_counter() - start)
    pixels = (x_hat.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(target, compress_level=3)


if __name__ == "__main__":
  main()
