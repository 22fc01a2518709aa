import Descriptors
import Images
import ViT

let arguments = CommandLine.arguments
precondition(3...4 ~= arguments.count, "arguments: two photos, optionally a weight file")
let photos = try arguments[1...2].map { try Image(contentsOf: $0) }
let model = try arguments.count < 4 ? .bundled() : VisionTransformer(contentsOf: arguments[3])
let found = try correspondences(between: photos[0], and: photos[1], using: model)
for pair in found.pairs {
    print(pair.source.pixel, pair.target.pixel, pair.similarity)
}
