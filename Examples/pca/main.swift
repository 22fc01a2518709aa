import Descriptors
import Images
import ViT

// Shows in colours what photos have in common: the last three of four principal components of their
// descriptors.
//
//     swift run -c release pca PHOTOS [WEIGHTS]
//
// Writes pca-1.png for the first photo of the folder PHOTOS, and so on.

let arguments = CommandLine.arguments
precondition(2...3 ~= arguments.count, "arguments: a folder of photos, optionally a weight file")
let folder = try PictureFolder(arguments[1])
let photos = try folder.files.indices.map { try Image(contentsOf: folder.path(of: $0)) }
let network = try arguments.count < 3 ? .bundled() : VisionTransformer(contentsOf: arguments[2])
let extractor = Extractor(network)
let grids = try photos.map { try extractor.descriptors(of: $0) }
let components = try PrincipalComponents(of: grids.map(\.matrix), count: 4)
for (index, grid) in grids.enumerated() {
    try componentPicture(
        components.projected(grid.values), geometry: grid.geometry, width: photos[index].width,
        height: photos[index].height
    ).writePNG(to: "pca-\(index + 1).png")
}
print("variances: \(components.variances) of \(components.totalVariance)")
