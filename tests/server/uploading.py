"""How tests upload."""

import asyncio
import hashlib

from chainrule.server.datasets import Datasets
from chainrule.server.uploads import Uploads

ROWS = b"x,label\n" + b"1,a\n2,b\n" * 1000
SHA256 = hashlib.sha256(ROWS).hexdigest()


class Uploading:
    """The data sets and uploads of a service that has just been started."""

    def __init__(self, folder, board):
        self.folder, self.datasets = folder, Datasets(folder, board)
        self.uploads = Uploads(folder, self.datasets, board)

    def receive(self, name, data, content=ROWS):
        return self.uploads.receive(name, "rows.csv", len(content), hashlib.sha256(content).hexdigest(), data)

    def upload(self, name="rows", content=ROWS, file_name="rows.csv", sha256=None, size=None, upto=None):
        """Upload a file, or only its first bytes, 1000 at a time; return where it began and what it has become."""
        answers, end = [], len(content) if upto is None else upto

        async def data():
            for at in range(answers[0], end, 1000):
                yield content[at : min(at + 1000, end)]

        async def scenario():
            announced = sha256 or hashlib.sha256(content).hexdigest()
            async for answer in self.uploads.receive(name, file_name, size or len(content), announced, data()):
                answers.append(answer)

        asyncio.run(scenario())
        return answers

    def files(self):
        return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
