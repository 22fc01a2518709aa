import Descriptors
import Images
import ViT

let arguments = CommandLine.arguments
precondition(arguments.count == 4, "arguments: photo, photo, weights")
let photos = try arguments[1...2].map { try Image(contentsOf: $0) }
let model = try VisionTransformer(contentsOf: arguments[3])
for pair in try correspondences(between: photos[0], and: photos[1], using: model).pairs {
    print(pair.source.pixel, pair.target.pixel, pair.similarity)
}
