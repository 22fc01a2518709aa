import Descriptors
import Images
import ViT

// Shows what photos have in common by colours: the last three of four principal components of their
// descriptors.
//
//     swift run -c release pca WEIGHTS PHOTO…
//
// Writes pca-1.png for the first photo, and so on.

let arguments = CommandLine.arguments
precondition(arguments.count > 2, "arguments: weights, photos")
let photos = try arguments[2...].map { try Image(contentsOf: $0) }
let extractor = Extractor(
    try VisionTransformer(contentsOf: arguments[1]), stride: PatchStride(4))
let grids = try photos.map { try extractor.descriptors(of: $0, layer: extractor.lastLayer) }
let components = try PrincipalComponents(of: grids.map(\.matrix), count: 4)
for (index, grid) in grids.enumerated() {
    try componentPicture(components.projected(grid.values))
        .resized(width: photos[index].width, height: photos[index].height, using: .nearest)
        .writePNG(to: "pca-\(index + 1).png")
}
print("variances: \(components.variances) of \(components.totalVariance)")
